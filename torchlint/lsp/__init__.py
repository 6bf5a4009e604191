"""The language server: the engine's findings as diagnostics, its fixes as code actions, its manuals as hovers.

`options` reads the client's settings, `session` keeps the state and checks, `keeping` holds findings in code that does
not parse for the moment; they know nothing of the protocol. `documents` has the open texts, `convert` turns findings
into the protocol's objects, `core` decides what is checked when, `server` takes messages, `actions`, `hover` and
`commands` answer requests, and `background` has a whole workspace checked by another process, the `worker`; `first` has
that begin while the rest is still being loaded. pygls and lsprotocol are imported in this package only.
"""
