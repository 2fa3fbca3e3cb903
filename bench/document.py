"""Generated parts of a document: what stands between two comment markers is replaced, the prose around it stays."""

from __future__ import annotations


class MarkerMissing(Exception):
    """The document has no place for a generated part."""


def markers(name: str) -> tuple[str, str]:
    """Return the comments between which a part stands."""
    return f"<!-- generated: {name} -->", f"<!-- end: {name} -->"


def replaced(text: str, name: str, generated: str) -> str:
    """Return a document with one part written anew.

    Args:
        text: the document.
        name: of the part.
        generated: what stands there from now on, in Markdown.

    Raises:
        MarkerMissing: one of the part's markers is not there, is there twice, or they are in the wrong order.
    """
    begin, end = markers(name)
    for marker in (begin, end):
        if text.count(marker) != 1:
            raise MarkerMissing(
                f"{marker} must be there once and is there {text.count(marker)} times"
            )
    before, rest = text.split(begin)
    if end not in rest:
        raise MarkerMissing(f"{end} must come after {begin}")
    return f"{before}{begin}\n{generated.strip()}\n{end}{rest.split(end)[1]}"
