"""What `import pixeltable as pxt` offers is what `public_names.txt` lists, no more and no less.

A name is added or removed there on purpose, in the change that adds or removes it.
"""

from pathlib import Path

import pytest

import pixeltable

LISTED = Path(__file__).with_name("public_names.txt").read_text(encoding="utf-8").split()


def test_all_equals_the_list() -> None:
    assert sorted(pixeltable.__all__) == LISTED  # the order there is the linter's business (RUF022)


@pytest.mark.parametrize("name", LISTED)
def test_name_resolves(name: str) -> None:
    assert getattr(pixeltable, name, None) is not None


def test_dir_shows_every_name() -> None:
    assert set(LISTED) <= set(dir(pixeltable))


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        pixeltable.no_such_name  # noqa: B018  # the access itself is what is tested
