#!/usr/bin/env python3
"""tests/house/documents/check.py ROOT

Links between documents lead to files and headings that exist, what documents name as `suite/a_case` or `suite/…` are
tests, and sources and documents cite the mathematics by a file and an anchor that exist. Prints what does not hold and
fails.
"""
import re
import sys
from pathlib import Path

SOURCES = {".h", ".cpp", ".inl", ".py", ".cmake"}
FOLDERS = ["autodiff", "lipschitz", "nn", "harness", "cli", "examples", "bench", "tests", "tools", "scripts"]


def heading_anchor(heading: str) -> str:
    """As hosts of Markdown make it: lower case, punctuation dropped, blanks to hyphens."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading.replace("`", "")).strip().lower()
    return re.sub(r"[^\w\- ]", "", text).replace(" ", "-")


def without_code(document: Path) -> str:
    return re.sub(r"```.*?```|`[^`\n]*`", "", document.read_text("utf-8"), flags=re.S)


def named_anchors(document: Path) -> list[str]:
    return re.findall(r'<a id="([^"]+)"></a>', without_code(document))


def anchors(document: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", document.read_text("utf-8"), re.M)
    return {heading_anchor(h) for h in headings} | set(named_anchors(document))


def broken_links(root: Path, document: Path) -> list[str]:
    text = without_code(document)
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)|^\[[^\]]+\]: (\S+)$", text, re.M):
        link = link[0] or link[1]
        if re.match(r"https?:", link):
            continue
        path, _, anchor = link.partition("#")
        target = document.parent / path if path else document
        if not target.exists():
            broken.append(f"{document.relative_to(root)} links to {link}, which does not exist")
        elif anchor and target.suffix == ".md" and anchor not in anchors(target):
            broken.append(f"{document.relative_to(root)} links to {link}, which has no such heading")
    labels = {label.lower() for label in re.findall(r"^\[([^\]]+)\]: ", text, re.M)}
    for label in re.findall(r"\[([A-Za-z]+\s\d+(?:\.\d)?|\d+\.\d|\(\d+\.\d\))\](?![(:])", text):
        if " ".join(label.lower().split()) not in labels:
            broken.append(f"{document.relative_to(root)} refers to [{label}], which it does not define")
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


def false_citations(root: Path, file: Path) -> list[str]:
    """Citations of the mathematics that name no anchor, or one that is not there."""
    text, name = file.read_text("utf-8"), file.relative_to(root)
    false = []
    for page, anchor, second in re.findall(r"\bmathematics/([\w-]+\.md)(?:#([\w-]+))?(?:[\s/]+and[\s/]+#([\w-]+))?", text):
        target = root / "docs/mathematics" / page
        if not anchor:
            false.append(f"{name} cites mathematics/{page} without an anchor")
        for cited in filter(None, (anchor, second)):
            if not target.exists() or cited not in named_anchors(target):
                false.append(f"{name} cites mathematics/{page}#{cited}, which does not exist")
    links_to_index = r"\[[^\]]*\]\((?:docs/|\.\./)?mathematics\.md\)(?!,? (?:section |Lemma |Theorem )?\d)"
    if re.search(r"\bmathematics\.md|\bmathematics, \d", re.sub(links_to_index, "", text)):
        false.append(f"{name} cites the mathematics, but no anchor of it")
    return false


def without_anchor(root: Path, page: Path) -> list[str]:
    """What nothing can cite: headings, theorems and the like of the mathematics with no anchor before them."""
    names = named_anchors(page)
    faults = [f"{page.relative_to(root)} has the anchor {name} twice" for name in set(names) if names.count(name) > 1]
    lines = [""] + [line for line in page.read_text("utf-8").splitlines() if line]
    for before, line in zip(lines, lines[1:]):
        if re.match(r"#+ |\*\*(Theorem|Lemma|Proposition|Corollary) ", line) and not re.match('<a id="', before):
            faults.append(f'{page.relative_to(root)} has no anchor before "{line[:40]}"')
    return faults


def main() -> int:
    root = Path(sys.argv[1]).resolve()
    tests = [path for path in sorted((root / "tests").rglob("*.cpp"))]
    suites = {name for path in tests for name in re.findall(r"BOOST_AUTO_TEST_SUITE\((\w+)", path.read_text("utf-8"))}
    cases = {name for path in tests for name in re.findall(r"BOOST_AUTO_TEST_CASE\((\w+)", path.read_text("utf-8"))}
    lists = [path.read_text("utf-8") for path in sorted((root / "tests").rglob("CMakeLists.txt"))]
    registered = "\n".join(name for text in lists for name in re.findall(r"(?:NAME|must_fail\() ?([\w/]+)", text))
    documents = sorted(root.glob("*.md")) + sorted((root / "docs").rglob("*.md"))
    sources = [p for folder in FOLDERS for p in sorted((root / folder).rglob("*")) if p.suffix in SOURCES]
    sources = [path for path in sources if "faults" not in path.relative_to(root).parts]
    pages = sorted((root / "docs/mathematics").glob("*.md"))
    faults = [fault for document in documents for fault in broken_links(root, document)]
    faults += [fault for d in documents for fault in unknown_tests(root, d, suites, cases, registered)]
    faults += [fault for file in documents + sources for fault in false_citations(root, file)]
    faults += [fault for page in pages for fault in without_anchor(root, page)]
    print("\n".join(faults) if faults else f"{len(documents)} documents, {len(sources)} sources")
    return 1 if faults or not documents else 0


if __name__ == "__main__":
    sys.exit(main())
