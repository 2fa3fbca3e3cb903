"""The notation of a file: what can be read, and what is said on which line of what cannot."""

from __future__ import annotations

import pytest

from authoring import documents


def test_every_value_has_its_line() -> None:
    document = documents.read("name: lab\nnode_groups:\n  - name: a\n\n  - name: b\n")
    assert document.data == {"name": "lab", "node_groups": [{"name": "a"}, {"name": "b"}]}
    assert document.lines[("name",)] == 1
    assert document.lines[("node_groups", 1, "name")] == 5


def test_a_key_written_twice_is_a_fault_at_any_depth() -> None:
    document = documents.read("hook:\n  a: 1\n  b: 2\n  a: 3\n")
    [fault] = document.faults
    assert fault.location == ("hook", "a")
    assert fault.message == "is written twice, first on line 2 and again on line 4"


@pytest.mark.parametrize("key", ["4711", "yes", "2026-01-31", "null"])
def test_a_key_that_is_no_text_is_a_fault_and_read_as_text(key: str) -> None:
    document = documents.read(f"tags:\n  {key}: a\n")
    [fault] = document.faults
    assert (fault.location, fault.remedy) == (("tags", key), "Put it in quotes.")
    assert document.data == {"tags": {key: "a"}}


@pytest.mark.parametrize("number", ["010", "1:30", "0x10", "0b11", "1_000"])
def test_a_number_that_yaml_reads_as_another_is_a_fault(number: str) -> None:
    [fault] = documents.read(f"a: {number}\n").faults
    assert (fault.location, fault.value) == (("a",), number)


@pytest.mark.parametrize("number", ["0", "10", "-3", "+7"])
def test_a_number_is_what_it_says(number: str) -> None:
    assert documents.read(f"a: {number}\n") == documents.Document(
        {"a": int(number)}, {(): 1, ("a",): 1}
    )


def test_anchors_and_merges_are_read() -> None:
    document = documents.read("a: &x {k: 1}\nb:\n  <<: *x\n  l: 2\n")
    assert document.data == {"a": {"k": 1}, "b": {"k": 1, "l": 2}}
    assert not document.faults


def test_a_short_file_that_says_more_than_anybody_reads_is_refused() -> None:
    text = "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}' if n else 'x'] * 9)}]\n" for n in range(30)
    )
    [fault] = documents.read(text).faults
    assert fault.message == "says more than 200000 values, counting those of each alias"


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("a: [1,\nb: 2", 2, "cannot be read as YAML in column 5: while parsing a flow sequence "),
        ("a: 1\n\tb: 2", 2, "cannot be read as YAML in column 1: while scanning "),
        ("a: 1\n---\nb: 2", 2, "cannot be read as YAML in column 1: expected a single document"),
        ("a: !!python/object:os.system 1", 1, "cannot be read as YAML in column 4: could not "),
        ("a: 2026-02-31", 1, "cannot be read as YAML: "),
        ("a: &a [*a]", 1, "cannot be read as YAML: "),
        ("? [a, b]\n: 1", 1, "cannot be read as YAML in column 3: while constructing a mapping"),
        ("a: \x00", 1, "cannot be read as YAML: "),
        ("", 1, "says nothing"),
        ("# a comment only", 1, "says nothing"),
    ],
    ids=[
        "open list", "tab", "two documents", "python tag", "no such day", "endless", "list as key",
        "control character", "empty", "comment only",
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_one_fault(text: str, line: int, message: str) -> None:
    document = documents.read(text)
    [fault] = document.faults
    assert fault.message.startswith(message)
    assert document.lines.get((), 1) == line
    assert document.data is None
