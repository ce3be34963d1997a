"""Hooks of the documentation site: files outside of `docs/` that its pages link to join it.

The README is the home page; other Markdown files of the repository become pages, and everything
else that is linked (a schema, an example) becomes a file of the site. Links between them are
rewritten from the repository's layout to the site's, in which `docs/` is the root.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[1]
HOME = "README.md"
PAGES = (HOME, "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md")
LINK = re.compile(r'(?P<before>\]\(|src=")(?P<target>[^)"\s]+)(?P<after>[)"])')


def site_path(repository_path: str) -> str:
    """The path in the site of a file of the repository: `docs/` is the site's root."""
    if repository_path == HOME:
        return "index.md"
    return repository_path.removeprefix("docs/")


def repository_path(path: str) -> str:
    """The path in the repository of a file of the site."""
    if path == "index.md":
        return HOME
    return f"docs/{path}" if (ROOT / "docs" / path).exists() else path


def linked_files(markdown: str, source: str) -> list[str]:
    """Paths in the repository of the files that a document of the repository links to."""
    targets = [match["target"].partition("#")[0] for match in LINK.finditer(markdown)]
    paths = [
        posixpath.normpath(posixpath.join(posixpath.dirname(source), target))
        for target in targets
        if target and "://" not in target
    ]
    return [path for path in paths if (ROOT / path).is_file()]


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages of the repository's root, and every file that a page links to."""
    waiting = [*PAGES, *(f"docs/{file.src_uri}" for file in files.documentation_pages())]
    known: set[str] = set()
    while waiting:
        source = waiting.pop()
        if source in known:
            continue
        known.add(source)
        if files.get_file_from_path(site_path(source)) is None:
            abs_path = str(ROOT / source)
            files.append(File.generated(config, site_path(source), abs_src_path=abs_path))
        if source.endswith(".md"):
            waiting += linked_files((ROOT / source).read_text("utf-8"), source)
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Rewrite the relative links of a page to the site's layout."""
    source = repository_path(page.file.src_uri)
    here = posixpath.dirname(page.file.src_uri)

    def rewrite(match: re.Match[str]) -> str:
        target, mark, heading = match["target"].partition("#")
        path = posixpath.normpath(posixpath.join(posixpath.dirname(source), target))
        if not target or "://" in target or not (ROOT / path).is_file():
            return match[0]
        link = posixpath.relpath(site_path(path), here or ".")
        if match["before"].startswith("src"):  # raw HTML: MkDocs leaves it alone
            link = posixpath.relpath(site_path(path), posixpath.dirname(page.file.dest_uri) or ".")
        return f"{match['before']}{link}{mark}{heading}{match['after']}"

    return LINK.sub(rewrite, markdown)
