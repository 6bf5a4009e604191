"""The project around the checked file: which file an import means, and what it defines.

Files are read through the functions that the caller gives, parsed when a question leads there, and dropped again when
too much text is held. `used`, `sought` and `words` collect what the answers for one checked file rest on: the files
that were read, the paths that were asked whether they exist, and the words that were looked for in the whole project.
"""

from __future__ import annotations

import ast
import posixpath
from collections.abc import Callable, Iterable, Iterator, Sequence

from torchlint.model.classes import ClassModel
from torchlint.model.syntax import Class, Function, Scope, Source
from torchlint.model.values import UNKNOWN, Frame, Value, union
from torchlint.torch_api import canonical

Read = Callable[[str], bytes | None]

_HELD = 4_000_000  # bytes of source text kept parsed
_MOST_AT_ONCE = 3_000_000  # bytes of source text read for one checked file; imports beyond it are unknown
_LARGEST = 2_000_000  # a larger file is not followed into
_SMALL = 16_000  # bytes; constants live in small files that never mention torch
_MOST_CALLERS = 40
_MOST_INLINED = 6
_MOST_FRAMES = 4000
_NEVER_LOCAL = frozenset(
    {"torch", "numpy", "os", "sys", "typing", "math", "re", "json", "time", "random", "__future__"}
)


class Project:
    """Files that may refer to each other.

    Args:
        root: the directory that imports are looked up in, besides `root/src` and the importing file's own places.
        read: the bytes of a file, or `None` if there is no such file.
        torch_version: the lowest torch version that the project allows, if known.
        exists: whether a file or directory exists; by default whether `read` gives something.
        files: all Python files of the project, for the rare questions about the whole project.
        torch_below: the first torch version that the project rules out, `None` if it takes the newest.
    """

    def __init__(
        self,
        root: str,
        read: Read,
        torch_version: tuple[int, int] | None = None,
        exists: Callable[[str], bool] | None = None,
        files: Callable[[], Iterable[str]] | None = None,
        torch_below: Callable[[], tuple[int, int] | None] | None = None,
    ) -> None:
        self.root = root
        self._read = read
        self._exists = exists or (lambda path: read(path) is not None)
        self.files = files or (lambda: ())
        self.torch_version = torch_version
        self._torch_below = torch_below
        self.used: set[str] = set()
        self.sought: set[str] = set()
        self.words: dict[str, tuple[str, ...]] = {}
        self._refused: set[str] = set()
        self._own: Source | None = None
        self._checked: Source | None = None
        self._sources: dict[str, Source | None] = {}
        self._places: dict[tuple[str, str], tuple[tuple[str, str] | None, frozenset[str]]] = {}
        self._mentions: dict[str, tuple[str, ...]] = {}
        self._listed: dict[str, None] | None = None
        self._outside: set[str] = set()  # changed files that were not in the list that was made after the change
        self._imports: dict[tuple[str, str], Value] = {}
        self._numbers: dict[object, int] = {}
        self._open: list[Frame] = []
        self._held = 0
        self._read_now = 0
        self._inlined: dict[int, int] = {}
        self._following: set[tuple[int, str]] = set()
        self._left: Callable[[], None] | None = None

    @property
    def torch_below(self) -> tuple[int, int] | None:
        """The first torch version that the project rules out at the upper end; `None` if it takes the newest."""
        if self._torch_below is not None:
            below = self._torch_below()
            self._torch_below = lambda: below
            return below
        return None

    def read(self, path: str) -> bytes | None:
        """The bytes of a file, or `None` if there is no such file."""
        self.used.add(path)
        return self._read(path)

    def exists(self, path: str) -> bool:
        """Whether there is a file or a directory."""
        self.sought.add(path)
        return self._exists(path)

    def add(self, source: Source, whole: bool = True) -> None:
        """Make a checked file known, so that others that import it see the same text.

        It is held after the check only if `load` would have read the same from disk (`whole`: it parses), so that what
        others see of it does not depend on whether it was checked before them.
        """
        self._checked = source
        self._own = source if not whole or not _followed(source.path, source.text) else None
        if self._sources.get(source.path) is not source:
            self._drop(source.path)
            self._sources[source.path] = source
            self._held += len(source.text)

    def load(self, path: str) -> Source | None:
        """The parsed file; `None` if it does not exist, does not parse, or too much was read for the checked file.

        What counts as too much does not depend on what is still held from files that were checked before.
        """
        first = path not in self.used
        self.used.add(path)
        if first and self._read_now > _MOST_AT_ONCE:
            self._refused.add(path)
        if path in self._refused:
            return None
        if path in self._sources:
            source = self._sources.pop(path)
            self._sources[path] = source  # the most recently used come last
        else:
            source = self._sources[path] = self._parsed(path)
            self._held += len(source.text) if source is not None else 0
        if first and source is not None:
            self._read_now += len(source.text)
        return source

    def _parsed(self, path: str) -> Source | None:
        data = self._read(path)
        if data is None or not _concerns(path, data):
            return None
        try:
            text = data.decode("utf-8-sig")
            return Source(path, text, ast.parse(text))
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None

    def leave(self, dispose: Callable[[], None]) -> None:
        """Free what a check has made when `rest` is called, or when the next check begins: nobody need wait for it."""
        self._left = dispose

    def rest(self) -> None:
        """Free what the last check has left."""
        dispose, self._left = self._left, None
        if dispose is not None:
            dispose()

    def finish(self) -> None:
        """Forget what was worked out for the last checked file, and drop files beyond the memory bound."""
        self.used, self.sought, self.words = set(), set(), {}
        self._refused.clear()
        self._read_now = 0
        touched = {id(frame.source): frame.source for frame in self._open}
        for frame in self._open:
            frame.close()
        for source in touched.values():
            source.forget()
        self._open.clear()
        self._imports.clear()
        self._numbers.clear()
        self._inlined.clear()
        if self._own is not None and self._sources.get(self._own.path) is self._own:
            self._drop(self._own.path)
        self._own = self._checked = None
        if self._held > _HELD:
            for path in [p for p, s in self._sources.items() if s is not None]:
                self._drop(path)
                if self._held <= _HELD:
                    break

    def _drop(self, path: str) -> None:
        source = self._sources.pop(path, None)
        if source is not None:
            self._held -= len(source.text)
            source.dispose()

    def changed(self, path: str) -> None:
        """Forget what was read of a file that has changed, or that has come or gone."""
        self.rest()
        known = self._sources.get(path) is not None
        self._drop(path)
        content = self._read(path)
        if content is None or not known:
            self._places.clear()
        if self._listed is None:
            return
        if path in self._listed and content is not None:
            for word, paths in self._mentions.items():
                mentions = word.encode() in content
                if mentions and path not in paths:
                    self._mentions[word] = (*paths, path)
                elif not mentions and path in paths:
                    self._mentions[word] = tuple(other for other in paths if other != path)
        elif content is None or path not in self._outside:
            self._outside = {path} if content is None else {*self._outside, path}
            self._listed = None
            self._mentions.clear()

    def close(self) -> None:
        """Free everything that is held; the project can still be used and reads its files again."""
        self.rest()
        self.finish()
        for path in list(self._sources):
            self._drop(path)

    def number(self, identity: object) -> int:
        """A small number for an identity, the same for equal ones until `finish`."""
        return self._numbers.setdefault(identity, len(self._numbers))

    def open(self, frame: Frame) -> None:
        """Note a frame, so that `finish` can close it."""
        self._open.append(frame)

    def may_follow(self) -> bool:
        """Whether one more call may be followed; bounds the work for code that calls and calls."""
        return len(self._open) < _MOST_FRAMES

    def may_inline(self, function: Function) -> bool:
        """Whether a function may be put in place of one more call; bounds the work for functions with many callers."""
        count = self._inlined[id(function)] = self._inlined.get(id(function), 0) + 1
        return count <= _MOST_INLINED

    # the whole project

    def mentions(self, *words: str) -> bool:
        """Whether some file of the project contains one of the words, as text."""
        return any(self.mentioning(word) for word in words)

    def mentioning(self, word: str) -> Sequence[str]:
        """The files of the project, and the checked one wherever it lies, that contain a word, as text."""
        if self._listed is None:
            self._listed = dict.fromkeys(self.files())
        if word not in self._mentions:
            needle = word.encode()
            self._mentions[word] = tuple(path for path in self._listed if needle in (self._read(path) or b""))
        found = self.words[word] = self._mentions[word]
        own = self._checked
        if own is not None and word in own.text and own.path not in self._listed:
            return (own.path, *found)
        return found

    def call_sites(self, function: Function) -> list[tuple[ast.Call, Frame]] | None:
        """All calls of a function that can be found in the project's files and in its own.

        `None` if the function is also used without being called (passed around), so that some calls cannot be seen.
        """
        self.mentions(function.name)
        paths = [function.source.path, *(p for p in self._mentions[function.name] if p != function.source.path)]
        if len(paths) > _MOST_CALLERS:
            return None
        sites: list[tuple[ast.Call, Frame]] = []
        for path in paths:
            source = function.source if path == function.source.path else self.load(path)
            if source is None:
                continue
            for node, scope in source.by_name.get(function.name, ()):
                frame = self.frame(source, scope.function)
                callee = frame.value(node.func)
                if callee.kind == "function" and callee.target is function:
                    sites.append((node, frame))
                elif callee.kind in ("unknown", "attribute", "union", "param"):
                    return None
        return sites

    def calls(self, *words: str) -> bool:
        """Whether some file of the project calls a function or method by one of these last names."""
        return any(True for _ in self._calls(words))

    def modules_call(self, *words: str) -> bool:
        """Whether a method of some `nn.Module` of the project calls something by one of these last names."""
        owners = (scope.function.cls for scope in self._calls(words) if scope.function is not None)
        return any(owner is not None and self.class_model(owner).is_module is True for owner in owners)

    def _calls(self, words: tuple[str, ...]) -> Iterator[Scope]:
        for word in words:
            self.mentions(word)
            for path in self._mentions[word][:_MOST_CALLERS]:
                source = self.load(path)
                for _, scope in source.by_name.get(word, ()) if source is not None else ():
                    yield scope

    def instances(self, word: str, name: str) -> Iterator[Value]:
        """The instances of an outside class (its last name, its canonical name) that are made anywhere in the project.

        At most a bounded number of files that contain the word is looked at.
        """
        self.mentions(word)
        for path in self._mentions[word][:_MOST_CALLERS]:
            source = self.load(path)
            if source is None:
                continue
            for node, scope in source.by_name.get(word, ()):
                value = self.frame(source, scope.function).value(node)
                if value.kind == "instance" and value.name == name:
                    yield value

    # frames and classes

    def frame(self, source: Source, function: Function | None) -> Frame:
        """The frame of a function whose callers are not known, or of the module body."""
        key = id(function) if function is not None else 0
        frame: Frame | None = source.frames.get(key)
        if frame is None:
            receiver = None
            if function is not None and function.cls is not None and not function.has_decorator("staticmethod"):
                if function.has_decorator("classmethod"):
                    receiver = Value("class", target=function.cls)
                else:
                    receiver = self.self_of(function.cls)
            frame = source.frames[key] = Frame(self, source, function, receiver=receiver)
        return frame

    def self_of(self, cls: Class) -> Value:
        """`self` in the methods of a class that is looked at alone."""
        return Value("instance", target=cls, frame=self.frame(cls.source, None))

    def class_model(self, cls: Class) -> ClassModel:
        """What a class means."""
        model: ClassModel | None = cls.source.models.get(id(cls))
        if model is None:
            model = cls.source.models[id(cls)] = ClassModel(self, cls)
        return model

    # imports

    def imported(self, source: Source, name: str) -> Value:
        """What an imported dotted name means: something of the project, or a reference to something outside."""
        key = (source.path, name)
        known = self._imports.get(key)
        if known is None:
            known = self._imports[key] = self._imported(source, name)
        return known

    def _imported(self, source: Source, name: str) -> Value:
        place = self.locate(source.path, name)
        if place is None:
            return Value("ref", name=canonical(name.lstrip("."))) if not name.startswith(".") else UNKNOWN
        path, rest = place
        if not rest:
            return Value("package", name=name, target=path)
        return self._members(path, rest)

    def _members(self, path: str, rest: str) -> Value:
        first, _, more = rest.partition(".")
        value = self.member(path, first)
        while more:
            first, _, more = more.partition(".")
            if value.kind == "package":
                value = self.member(value.target, first)
            elif value.kind == "ref":
                value = Value("ref", name=canonical(f"{value.name}.{first}"))
            else:
                return UNKNOWN
        return value

    def member(self, path: str, name: str) -> Value:
        """What `name` is in the module at `path`."""
        key = (hash(path), name)
        if key in self._following:
            return UNKNOWN
        self._following.add(key)
        try:
            source = self.load(path) if not path.endswith("/") else None
            if source is not None:
                if name in source.scope.names:
                    return self.frame(source, None).lookup(name)
                for star in source.scope.stars:
                    found = self.star(source, star, name)
                    if found is not None:
                        return found
            if path.endswith(("/__init__.py", "/")) or path == "__init__.py":
                directory = posixpath.dirname(path)
                stem = posixpath.join(directory, name)
                if self.exists(stem + ".py"):
                    return Value("package", name=name, target=stem + ".py")
                initial = posixpath.join(stem, "__init__.py")
                if self.exists(stem) and self.exists(initial):
                    return Value("package", name=name, target=initial)
            return UNKNOWN
        finally:
            self._following.discard(key)

    def star(self, source: Source, module: str, name: str) -> Value | None:
        """What a star import of `module` gives to `name`; `None` if it certainly gives nothing known."""
        place = self.locate(source.path, module)
        if place is None:
            if module.startswith("."):
                return None
            from torchlint import torch_api

            qualified = f"{module}.{name}"
            return Value("ref", name=canonical(qualified)) if torch_api.exists(qualified) else None
        path, rest = place
        if rest:
            return None
        found = self.member(path, name)
        return found if found is not UNKNOWN else None

    def locate(self, importer: str, name: str) -> tuple[str, str] | None:
        """The file that a dotted name leads to from a file, and the part of the name inside it; `None` if outside."""
        directory = posixpath.dirname(importer)
        key = (directory, name)
        known = self._places.get(key)
        if known is None:
            before, self.sought = self.sought, set()
            place = self._locate(importer, directory, name)
            known = self._places[key] = (place, frozenset(self.sought))
            self.sought = before
        self.sought |= known[1]
        return known[0]

    def _locate(self, importer: str, directory: str, name: str) -> tuple[str, str] | None:
        if name.startswith("."):
            level = len(name) - len(name.lstrip("."))
            base = directory
            for _ in range(level - 1):
                base = posixpath.dirname(base)
            return self._walk(base, [part for part in name.lstrip(".").split(".") if part], relative=True)
        parts = name.split(".")
        if parts[0] in _NEVER_LOCAL:
            return None
        nearest: tuple[str, str] | None = None
        for base in self._roots(directory):
            stem = posixpath.join(base, parts[0])
            if self.exists(stem + ".py") or self.exists(stem):
                found = self._walk(base, parts, relative=False)
                if found is None or found[0] == importer:
                    continue
                if not found[1] or not found[0].endswith("__init__.py"):
                    return found
                # a repository may be a package itself, with the package of the same name inside
                if nearest is None or len(found[1]) < len(nearest[1]):
                    nearest = found
        return nearest

    def _roots(self, directory: str) -> list[str]:
        roots = [directory]
        package = directory
        while package and self.exists(posixpath.join(package, "__init__.py")):
            parent = posixpath.dirname(package)
            if parent == package:
                break
            package = parent
        for root in (package, self.root, posixpath.join(self.root, "src")):
            if root not in roots:
                roots.append(root)
        return roots

    def _walk(self, base: str, parts: list[str], *, relative: bool) -> tuple[str, str] | None:
        if not parts:
            initial = posixpath.join(base, "__init__.py")
            return (initial, "") if self.exists(initial) else (base + "/", "")
        stem, depth = base, 0
        while depth < len(parts) - 1 and self.exists(posixpath.join(stem, parts[depth])):
            stem = posixpath.join(stem, parts[depth])
            depth += 1
        for count in range(depth + 1, 0, -1):
            stem = posixpath.join(base, *parts[:count])
            rest = ".".join(parts[count:])
            if self.exists(stem + ".py"):
                return stem + ".py", rest
            if not self.exists(stem):
                continue
            initial = posixpath.join(stem, "__init__.py")
            if self.exists(initial):
                return initial, rest
            if count == len(parts):
                return stem + "/", ""
        initial = posixpath.join(base, "__init__.py")
        return (initial, ".".join(parts)) if relative and self.exists(initial) else None


def _followed(path: str, text: str) -> bool:
    """Whether `load` would read this text from the file at `path`."""
    if not text.isascii() and any("coding" in line for line in text.split("\n", 2)[:2]):
        return False
    return _concerns(path, text.encode(errors="surrogatepass"))


def _concerns(path: str, data: bytes) -> bool:
    """Whether a file can have to do with training at all; other large ones are not parsed for the sake of an import."""
    if len(data) > _LARGEST:
        return False
    return len(data) < _SMALL or path.endswith("__init__.py") or any(word in data for word in _CONCERN)


_CONCERN = (
    *(b"torch", b"state_dict", b"optim", b"backward", b"zero_grad", b"scheduler", b".eval()", b".train(", b"seed"),
    *(b"nn.", b"lightning", b"transformers", b"accelerate", b"deepspeed", b"timm", b"fastai", b"ignite", b"diffusers"),
    *(b"peft", b"monai", b"skorch", b"catalyst"),
)

__all__ = ["Project", "union"]
