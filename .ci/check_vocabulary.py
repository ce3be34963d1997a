"""Checks that names, docstrings, comments, messages and documents use the field's words.

`python .ci/check_vocabulary.py [PATH ...]` prints each violation as `file:line: 'found' -> advice`
and exits with 1 if there is one; `--report` prints counts by package instead and exits with 0.
Names are the identifiers of Python files, split into words; prose is their docstrings, comments and
strings, and the full text of Markdown files. Also checked: how docstrings start, the length of
files and the number of files in a folder. The vocabulary itself is in docs/glossary.md.
"""

from __future__ import annotations

import argparse
import ast
import io
import re
import sys
import tokenize
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SCANNED = ("src", "tests", "benchmarks", "docs", "examples", "main.py")
RECORDED_FACTS = re.compile(r"<!-- facts: begin -->.*?<!-- facts: end -->", re.DOTALL)
GLOSSARY = ROOT / "docs" / "glossary.md"  # it lists the words that are not used
CHANGELOG = ROOT / "CHANGELOG.md"  # it names what was renamed
MAX_FILE_LINES = 400
MAX_FOLDER_FILES = 15


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One pattern in prose, and the word to use instead.

    Attributes:
        pattern: regular expression, matched case-insensitively between word boundaries.
        advice: the word or words of the field.
        allowed: regular expression of longer phrases in which the word is right.
    """

    pattern: str
    advice: str
    allowed: str = r"(?!)"


PROSE = (
    Rule(pattern=r"pictures?", advice="image"),
    Rule(pattern=r"data[ -]sets?", advice="dataset"),
    Rule(pattern=r"likeness(es)?", advice="similarity"),
    Rule(pattern=r"figures", advice="metrics, values, numbers"),
    Rule(
        pattern=r"places?",
        advice="location, index, slot, device, file, row, position",
        allowed=r"in place( of)?|(take|takes|took|taking|taken|trade|trades) places?"
        r"|decimal places?|photographs of places|(to|that|which|it|and|function|renderer) places?",
    ),
    Rule(pattern=r"least", advice="minimum", allowed=r"at least|least[ -]squares"),
    Rule(pattern=r"greatest", advice="maximum"),
    Rule(pattern=r"lesser", advice="smaller, minimum"),
    Rule(pattern=r"beside", advice="next to, alongside; auxiliary"),
    Rule(pattern=r"go(es|ing)? on|went on", advice="continue, resume"),
    Rule(pattern=r"begins? with", advice="is initialized from; starts with"),
    Rule(
        pattern=r"stands|stood",
        advice="is",
        allowed=r"stands for|(person|people|body|someone|who|and|or|he|she|they|one) (stands|stood)"
        r"|(stands|stood) (upright|still|up|on)",
    ),
    Rule(
        pattern=r"lies",
        advice="is",
        allowed=r"lies (inside|outside|within|between|on|above|below|behind|in front)"
        r"|(person|body|who|and|or|he|she|one) lies",
    ),
    Rule(
        pattern=r"tells?|told|telling",
        advice="reports, specifies, names; distinguished",
        allowed=r"cannot tell",
    ),
    Rule(
        pattern=r"turns?|turned",
        advice="rotation, rotated",
        allowed=r"(turns?|turned) (off|on|out|into|up|inside)|in turn"
        r"|(turns?|turned) \S+ (off|on|into)"
        r"|(takes?|taking) turns|(half|quarter|full|whole) (a )?turns?"
        r"|[/\"]turned",  # name of a node in shipped graphs
    ),
    Rule(pattern=r"mirrored|mirror images?", advice="flipped, horizontal flip"),
    Rule(pattern=r"nobody", advice="no people, empty"),
    Rule(pattern=r"everybody", advice="all people"),
    Rule(pattern=r"once more|anew", advice="again"),
    Rule(pattern=r"(left|leaves?|leaving) out", advice="skipped, excluded"),
    Rule(pattern=r"made[ -]up|made from", advice="synthetic; built from"),
    Rule(pattern=r"by heart", advice="overfits"),
    Rule(pattern=r"likewise", advice="say it"),
    Rule(pattern=r"things", advice="objects, accessories"),
    Rule(pattern=r"chances?", advice="random, probability"),
    Rule(pattern=r"whoever", advice="name the subject"),
    Rule(pattern=r"wished", advice="requested, target"),
    Rule(pattern=r"(is|are|was|were) not there", advice="is missing, does not exist"),
    Rule(
        pattern=r"(crops|images|people|frames|steps|calls|times|bytes|inputs) a"
        r" (second|batch|step|image|call|run|file|person)",
        advice="per",
    ),
    Rule(pattern=r"true (pose|box|boxes|poses)", advice="ground truth"),
    Rule(pattern=r"(hold|holds|held|holding) (\w+ )?against", advice="compared with"),
)

# Words of identifiers. `most` and `place` are right as verbs or adverbs elsewhere: see `bad_word`.
NAMES = {
    "picture": "image",
    "pictures": "images",
    "figures": "metrics, values",
    "likeness": "similarity",
    "place": "location, index, slot, device, file, row",
    "places": "locations, indices, slots, files, rows",
    "least": "min",
    "greatest": "max",
    "lesser": "min",
    "most": "max",
    "beside": "auxiliary",
    "told": "reported",
    "tell": "report",
    "tells": "reports",
    "nobody": "no_people, empty",
    "everybody": "all_people",
    "mirrored": "flipped",
    "turned": "rotated",
    "turns": "rotations",
    "chance": "probability",
    "chances": "probabilities",
    "things": "objects",
    "anew": "again",
    "finds": "detections",
}
OPENER = re.compile(r"(What|How|Where|Which|Whose|Who|When|Likewise)\b")
SEE_ALONE = re.compile(r"(See|As) (in )?(:?\w*:?)?`[^`]+`\.?\Z")


@dataclass(frozen=True, kw_only=True)
class Violation:
    """One finding: file, line (from 1), the words found, and what to write instead."""

    path: Path
    line: int
    found: str
    advice: str

    def __str__(self) -> str:
        """One line, as compilers print them."""
        return f"{relative_name(self.path)}:{self.line}: {self.found!r} -> {self.advice}"


def relative_name(path: Path) -> str:
    """The path relative to the repository."""
    return path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else str(path)


def check_prose(path: Path, text: str, first_line: int) -> Iterator[Violation]:
    """Violations of PROSE in a text whose first line has that number."""
    for rule, pattern, allowed in COMPILED:
        for match in pattern.finditer(text):
            around = [
                one for one in allowed.finditer(text) if one.start() <= match.start() < one.end()
            ]
            if not around:
                line = first_line + text.count("\n", 0, match.start())
                yield Violation(
                    path=path, line=line, found=" ".join(match[0].split()), advice=rule.advice
                )


def compile_phrase(pattern: str) -> re.Pattern[str]:
    """A pattern between word boundaries; a space in it is any white space, a line end too.

    The next line may start with a comment sign.
    """
    return re.compile(
        rf"(?<![A-Za-z0-9_])(?:{pattern})(?![A-Za-z0-9_])".replace(" ", r"\s+(?:#\s)?"),
        re.IGNORECASE,
    )


COMPILED = [(rule, compile_phrase(rule.pattern), compile_phrase(rule.allowed)) for rule in PROSE]


def bad_word(name: str, *, is_definition: bool) -> tuple[str, str] | None:
    """The word of an identifier that is not the field's, and the advice; None if all are.

    `place_camera`, a verb, is right; so are `almost` and `utmost`, which are words of their own.
    """
    if name == "tell":  # method of file objects
        return None
    parts = [part.lower() for part in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)]
    if is_definition and re.search(r"[a-z]_of\Z|[a-z]_of_[a-z]", name):
        return name, "a noun of the field instead of `x_of`"
    for position, part in enumerate(parts):
        verb = part == "place" and position == 0 and len(parts) > 1
        if part in NAMES and not verb:
            if part in ("least", "most") and position > 0 and parts[position - 1] == "at":
                continue
            return name, NAMES[part]
    return None


def check_tokens(path: Path, text: str) -> Iterator[Violation]:
    """Violations in the identifiers, comments and strings of a Python file."""
    previous = ""
    tests = path.name.startswith(("test_", "conftest"))
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        kind = tokenize.tok_name[token.type]
        if kind == "NAME":
            defined = previous == "def" and not tests
            test_name = previous == "def" and token.string.startswith("test_")
            if test_name:
                yield from check_prose(path, token.string.replace("_", " "), token.start[0])
            elif found := bad_word(token.string, is_definition=defined):
                yield Violation(path=path, line=token.start[0], found=found[0], advice=found[1])
            previous = token.string
        elif kind in ("COMMENT", "STRING", "FSTRING_MIDDLE"):
            yield from check_prose(path, token.string, token.start[0])


def check_docstrings(path: Path, text: str) -> Iterator[Violation]:
    """Docstrings that open with a riddle, or hold a reference alone."""
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        docstring = ast.get_docstring(node)
        if docstring is None:
            continue
        line = node.body[0].lineno
        first = docstring.split("\n")[0]
        if OPENER.match(docstring):
            yield Violation(
                path=path, line=line, found=first, advice="a noun phrase or a verb to open with"
            )
        if SEE_ALONE.match(docstring.strip()):
            yield Violation(path=path, line=line, found=first, advice="say what it is")


def check_file(path: Path) -> Iterator[Violation]:
    """All violations of one file."""
    text = path.read_text("utf-8")
    if path.suffix == ".py":
        yield from check_tokens(path, text)
        yield from check_docstrings(path, text)
        length = text.count("\n")
        if path.is_relative_to(ROOT / "src") and length > MAX_FILE_LINES:
            yield Violation(
                path=path, line=1, found=f"{length} lines", advice=f"at most {MAX_FILE_LINES}"
            )
    else:
        yield from check_prose(path, RECORDED_FACTS.sub(blank_lines, text), 1)


def blank_lines(match: re.Match[str]) -> str:
    """As many line ends as the match has, so that later lines keep their numbers."""
    return "\n" * match[0].count("\n")


def check_folders() -> Iterator[Violation]:
    """Folders of src with too many Python files."""
    counts = Counter(
        path.parent for path in (ROOT / "src").rglob("*.py") if path.name != "__init__.py"
    )
    for folder, count in counts.items():
        if count > MAX_FOLDER_FILES:
            yield Violation(
                path=folder, line=1, found=f"{count} files", advice=f"at most {MAX_FOLDER_FILES}"
            )


def files_to_check(paths: list[Path]) -> list[Path]:
    """The Python and Markdown files at or below the paths; by default all of the repository's."""
    starts = paths or [ROOT / name for name in SCANNED] + sorted(ROOT.glob("*.md"))
    found: set[Path] = set()
    for start in starts:
        inside = [start] if start.is_file() else start.rglob("*")
        found.update(path for path in inside if path.suffix in (".py", ".md") and path.is_file())
    found -= {GLOSSARY, CHANGELOG}
    return sorted(found)


def package_name(path: Path) -> str:
    """The package or folder that a file counts for in the report."""
    parts = Path(relative_name(path)).parts
    depth = 4 if parts[:2] == ("src", "rtmpose3d") else 3
    return "/".join(parts[: min(depth - 1, len(parts) - 1)] or parts)


def main() -> None:
    """Prints violations or, with --report, how many there are; exits with 1 if there are some."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("paths", nargs="*", type=Path, help="Files and folders; by default all.")
    parser.add_argument("--report", action="store_true", help="Counts only, and exit code 0.")
    options = parser.parse_args()
    paths = [path.resolve() for path in options.paths]
    violations = [found for path in files_to_check(paths) for found in check_file(path)]
    if not paths:
        violations += check_folders()
    if options.report:
        by_group = Counter(package_name(found.path) for found in violations)
        by_advice = Counter(found.advice for found in violations)
        for group, count in sorted(by_group.items()):
            print(f"{count:6d}  {group}")
        print()
        for advice, count in by_advice.most_common():
            print(f"{count:6d}  {advice}")
    else:
        for found in violations:
            print(found)
    print(f"{len(violations)} violations")
    sys.exit(bool(violations) and not options.report)


if __name__ == "__main__":
    main()
