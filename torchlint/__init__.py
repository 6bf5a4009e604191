"""torchlint finds the bugs in PyTorch training code that raise no exception.

A short map; the layers import each other in one direction only, from left to right:

    source  ->  model  ->  rule, findings  ->  engine  ->  surfaces (cli, report, lsp)

`source/` turns bytes into text, positions and syntax trees, also for code that does not parse. `model/` builds one
semantic model per file in the words of training (loops, optimizers, losses, modes, events and their order), with
three-valued answers: yes, no, cannot tell. `rules/` (beside this package, a sub-directory of it once installed) holds
one file per rule, which is its manual, examples, check, fix and evidence; rules import `torchlint.api` alone. `engine`
is a pure function from text and settings to findings. The surfaces translate findings for people and machines.

Detection uses Python's `ast`; every repair is made by libcst (`fixes/` alone imports it); pygls lives in `lsp/`; torch
is imported only to run the evidence of a rule (`witness`), never to check code.
"""

__version__ = "0.1.0"
