#!/usr/bin/env python3
"""tests/house/documents/check.py ROOT

Links between documents lead to files and headings that exist, and what documents name as `suite/a_case` or `suite/…`
are tests. Prints what does not hold and fails.
"""
import re
import sys
from pathlib import Path


def heading_anchor(heading: str) -> str:
    """As hosts of Markdown make it: lower case, punctuation dropped, blanks to hyphens."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading.replace("`", "")).strip().lower()
    return re.sub(r"[^\w\- ]", "", text).replace(" ", "-")


def anchors(document: Path) -> set[str]:
    text = document.read_text("utf-8")
    named = re.findall(r'(?:id|name)="([^"]+)"|\{#([\w-]+)\}', text)
    return {heading_anchor(h) for h in re.findall(r"^#+ (.*)$", text, re.M)} | {a or b for a, b in named}


def broken_links(root: Path, document: Path) -> list[str]:
    text = re.sub(r"```.*?```|`[^`\n]*`", "", document.read_text("utf-8"), flags=re.S)
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"https?:", link):
            continue
        path, _, anchor = link.partition("#")
        target = document.parent / path if path else document
        if not target.exists():
            broken.append(f"{document.relative_to(root)} links to {link}, which does not exist")
        elif anchor and target.suffix == ".md" and anchor not in anchors(target):
            broken.append(f"{document.relative_to(root)} links to {link}, which has no such heading")
    return broken


def unknown_tests(root: Path, document: Path, suites: set[str], cases: set[str], registered: str) -> list[str]:
    unknown = []
    for suite, case in re.findall(r"`(\w+)/(\w+_\w+|…)`", document.read_text("utf-8")):
        if (root / suite).is_dir():  # a path
            continue
        known = suite in suites and (case == "…" or case in cases)
        if not known and not re.search(rf"\b{suite}/" + ("" if case == "…" else rf"{case}\b"), registered):
            unknown.append(f"{document.relative_to(root)} names the test {suite}/{case}, which does not exist")
    return unknown


def main() -> int:
    root = Path(sys.argv[1]).resolve()
    sources = [path.read_text("utf-8") for path in sorted((root / "tests").rglob("*.cpp"))]
    suites = {name for text in sources for name in re.findall(r"BOOST_AUTO_TEST_SUITE\((\w+)", text)}
    cases = {name for text in sources for name in re.findall(r"BOOST_AUTO_TEST_CASE\((\w+)", text)}
    lists = [path.read_text("utf-8") for path in sorted((root / "tests").rglob("CMakeLists.txt"))]
    registered = "\n".join(name for text in lists for name in re.findall(r"(?:NAME|must_fail\() ?([\w/]+)", text))
    documents = sorted(root.glob("*.md")) + sorted((root / "docs").rglob("*.md"))
    faults = [fault for document in documents for fault in broken_links(root, document)]
    faults += [fault for d in documents for fault in unknown_tests(root, d, suites, cases, registered)]
    print("\n".join(faults) if faults else f"{len(documents)} documents")
    return 1 if faults or not documents else 0


if __name__ == "__main__":
    sys.exit(main())
