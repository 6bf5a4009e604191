"""The language server: the engine's findings as diagnostics, its fixes as code actions, its manuals as hovers.

`session` keeps the state and knows nothing of the protocol's classes; `convert` turns findings into the protocol's
objects; `server` answers requests. pygls and lsprotocol are imported in this package only.
"""
