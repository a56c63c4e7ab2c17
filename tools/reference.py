#!/usr/bin/env python3
"""tools/reference.py [ROOT]

Prints docs/reference.md: what the public headers declare, with the first sentence of each comment. A header directly in a
library's folder is public, what lies in a sub-folder is not. Read are declarations at namespace scope, outside of
namespaces named detail. The style of the sources is relied on: comments are //, above a declaration without a blank line
between or behind it on its last line.
"""
import re
import sys
from dataclasses import dataclass
from pathlib import Path

LIBRARIES = ("base", "autodiff", "lipschitz", "nn", "nn/onnx", "report", "sweep", "harness")
PLAIN_NAMESPACES = {"taut", "nn", "onnx", "harness", "report", "sweep"}  # not repeated in front of names
PRIVATE_NAMESPACE = re.compile(r"(^|_)detail$|^parts$")
TYPE = re.compile(r"((?:struct|class|union|enum class|enum struct|enum) )(?:alignas\(\w+\) )?(\w+)")
RULER = re.compile(r"-{3,}")

HEAD = """\
# Reference

<!-- Printed by tools/reference.py from the public headers; a test compares. `make docs` writes it. -->

What the public headers declare, each with the first sentence of its comment; members, errors and units are in the headers.
Every function that records has a last parameter `Where`, the caller's line, which is left out here. The operations' formulas
and rules are in [primitives.md](primitives.md); how things go together is in the [guide](guide.md).
"""


@dataclass
class Line:
    code: str  # without comments; strings that hold brackets or semicolons are emptied
    comment: str | None  # the text behind //, None where there is no comment


@dataclass
class Declaration:
    text: str
    comment: str
    section: str  # title of the ruler above it, "" without one


def split_line(line: str) -> Line:
    code, i = "", 0
    while i < len(line):
        if line.startswith("//", i):
            return Line(code.rstrip(), line[i + 2 :].removeprefix(" ").rstrip())
        start = i
        if line[i] == '"' or (line[i] == "'" and not (i > 0 and line[i - 1].isalnum())):  # 1'000 is a number
            i += 1
            while i < len(line) and line[i] != line[start]:
                i += 2 if line[i] == "\\" else 1
            text = line[start + 1 : i]
            code += line[start] + ("" if re.search(r"[{}()<>;=]", text) else text) + line[start]
        else:
            code += line[i]
        i += 1
    return Line(code.rstrip(), None)


def lines_of(text: str) -> list[Line]:
    """The lines of a header; preprocessor directives and their continuations count as blank."""
    lines, continued = [], False
    for raw in text.splitlines():
        directive = continued or raw.lstrip().startswith("#")
        continued = directive and raw.endswith("\\")
        lines.append(Line("", None) if directive else split_line(raw))
    return lines


def sentences(comment: list[str], most: int = 1) -> str:
    """The first sentences of a comment's first paragraph. Indented lines are formulas and code, and end it."""
    paragraph = []
    for line in comment:
        if not line or (paragraph and line.startswith("  ")):
            break
        paragraph.append(line.strip())
    parts = re.split(r"(?<=\.)(?<!\.\.\.)(?<!e\.g\.)(?<!i\.e\.)(?<!\b[A-Za-z]\.) +(?=\S)", " ".join(paragraph))
    return " ".join(parts[:most]).rstrip(":,")


def without_template(text: str) -> str:
    """A declaration without its template heads and requires clauses."""
    while match := re.match(r"(template ?<|requires ?\()", text):
        left, right = "<>" if text.startswith("template") else "()"
        depth, i = 1, match.end()
        while i < len(text) and depth > 0:
            depth += (text[i] == left) - (text[i] == right)
            i += 1
        text = text[i:].lstrip()
    return text


def before_body(text: str) -> str:
    """A declaration up to the first brace outside of parentheses."""
    depth = 0
    for i, character in enumerate(text):
        depth += (character == "(") - (character == ")")
        if character == "{" and depth == 0:
            return text[:i].rstrip()
    return text


def is_function(head: str) -> bool:
    """Of a declaration's head, without its body: has it parameters, and no initialiser in front of them?"""
    return not TYPE.match(head) and ("operator" in head or "(" in head.split("=")[0])


def shown(text: str, scope: str) -> str:
    """What the table shows of a declaration; "" for what declares nothing of its own."""
    head = without_template(text)
    if re.match(r"extern template|template ?<>", text) or re.match(r"(static_assert|using namespace|friend)\b", head):
        return ""
    if match := TYPE.match(head):
        return match[1] + scope + match[2] if "{" in head else ""  # forward declarations are told elsewhere
    if match := re.match(r"(using|concept) (\w+)", head):
        return f"{match[1]} {scope}{match[2]}"
    head = re.sub(r"^(?:\[\[\w+\]\] |inline |static |constexpr |extern )+", "", before_body(head)).rstrip("; ")
    if not is_function(head):
        return re.sub(r"(\w+)$", scope + r"\1", re.sub(r"\s*=.*", "", head))
    head = re.sub(r"(?:, )?Where \w+ = Where::current\(\)", "", head)
    name = re.search(r"(operator\W+?|[\w:]+)\(", head)
    if not name or "::" in name[1]:  # a member, defined outside of its class
        return ""
    return head[: name.start()] + scope + head[name.start() :]


class Scanner:
    """Walks through a header's code and collects what is declared at namespace scope."""

    def __init__(self, text: str) -> None:
        self.lines = lines_of(text)
        self.namespaces: list[str] = []
        self.found: list[Declaration] = []
        self.has_private = False
        self.text, self.first = "", 0  # the declaration being read, and its first line
        self.parens, self.braces = 0, 0
        for number, line in enumerate(self.lines):
            for character in line.code:
                self.feed(character, number)
            self.text += " " if self.text else ""

    def header_comment(self) -> list[str]:
        block = []
        for line in self.lines:
            if line.code or line.comment is None:
                break
            block.append(line.comment)
        return block

    def feed(self, character: str, number: int) -> None:
        if not self.text:
            if character == "}":
                self.namespaces.pop()
            if character.isspace() or character in "};":
                return
            self.first = number
        self.text += character
        outside = self.braces == 0 and self.parens == 0
        self.parens += (character == "(") - (character == ")")
        self.braces += (character == "{") - (character == "}")
        if character == "{" and outside and re.match(r"(inline )?namespace\b", self.text):
            self.namespaces.append(self.text[:-1].split("namespace")[-1].strip())
            self.text, self.braces = "", 0
        elif character == ";" and outside:
            self.finish(number)
        elif character == "}" and self.braces == 0 and self.parens == 0:
            if is_function(before_body(without_template(" ".join(self.text.split())))):
                self.finish(number)

    def finish(self, number: int) -> None:
        text, self.text = " ".join(self.text.split()), ""
        names = [part for name in self.namespaces for part in name.split("::")]
        if any(PRIVATE_NAMESPACE.search(name) for name in names):
            self.has_private = True
            return
        scope = "".join(name + "::" for name in names if name not in PLAIN_NAMESPACES)
        if declared := shown(text, scope):
            self.found.append(Declaration(declared, *self.comment_of(number, declared)))

    def comment_of(self, last: int, declared: str) -> tuple[list[str], str]:
        """The comment of the declaration on lines self.first to last, and the title of a ruler above it."""
        begin = self.first
        while begin > 0 and not self.lines[begin - 1].code and self.lines[begin - 1].comment is not None:
            begin -= 1
        above = [line.comment or "" for line in self.lines[begin : self.first]]
        rulers = [i for i, text in enumerate(above) if RULER.match(text)]
        section = ""
        if rulers:  # its title may go on to a second line of dashes
            section = " ".join(RULER.sub("", " ".join(above[: rulers[-1] + 1])).split())
            above = above[rulers[-1] + 1 :]
        beside = self.lines[self.first].comment if TYPE.match(declared) else self.lines[last].comment
        return above or [beside or self.lines[self.first].comment or ""], section


def escaped(text: str) -> str:
    """Text for a cell: what Markdown would read as markup is escaped outside of code."""
    parts = text.replace("|", "\\|").split("`")
    parts[::2] = [re.sub(r"<(?=[\w/!])|\*|\b_|_\b", r"\\\g<0>", part) for part in parts[::2]]
    return "`".join(parts)


def print_header(path: str, scanner: Scanner) -> None:
    print(f"### [{path}](../{path})\n\n{escaped(sentences(scanner.header_comment(), 2))}\n")
    for i, declaration in enumerate(scanner.found):
        if declaration.section:
            print(("\n" if i > 0 else "") + f"*{declaration.section}*\n")
        if declaration.section or i == 0:
            print("| | |\n|---|---|")
        text = declaration.text.replace("|", "\\|")
        print(f"| `{text}` | {escaped(sentences(declaration.comment))} |")
    if scanner.found:
        print()


def main() -> None:
    root = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).resolve().parent.parent)
    sys.stdout.reconfigure(encoding="utf-8", newline="\n")
    about = dict(re.findall(r'taut_library\((\w+) DESCRIPTION "([^"]*)"', (root / "CMakeLists.txt").read_text("utf-8")))
    folders = [folder for folder in LIBRARIES if any((root / folder).glob("*.h"))]
    print(HEAD)
    print(" · ".join(f"[{folder}](#{folder.replace('/', '')})" for folder in folders) + "\n")
    for folder in folders:
        print(f"## {folder}\n" + (f"\n{about[folder]}.\n" if folder in about else ""))
        for header in sorted((root / folder).glob("*.h")):
            scanner = Scanner(header.read_text("utf-8"))
            if scanner.found or not scanner.has_private:
                print_header(header.relative_to(root).as_posix(), scanner)


if __name__ == "__main__":
    main()
