"""Regions as genome browsers write them."""

import os
import re
from typing import NamedTuple

from epizoo.errors import InputError

_REGION = re.compile(r"(\S+):([\d,]+)[-–]([\d,]+)")


class Region(NamedTuple):
    """A stretch of a chromosome, 0-based and half-open."""

    chrom: str
    start: int
    end: int


def parse_region(text: str) -> Region:
    """A region as genome browsers write it, 1-based with both ends inside.

    Raises:
        InputError: the text is no such region.

    >>> parse_region("chr1:1,001-2,000")
    Region(chrom='chr1', start=1000, end=2000)
    """
    match = _REGION.fullmatch(text.strip())
    if match is None:
        raise InputError(f"region: {text!r} is no region; write it as chr1:1,000,000-1,050,000")
    start, end = (int(number.replace(",", "")) for number in match.groups()[1:])
    if not 1 <= start <= end:
        raise InputError(f"region: {text!r} does not begin before it ends; the first position of a chromosome is 1")
    return Region(match.group(1), start - 1, end)


def is_region(text: object) -> bool:
    """True for text that is a region and the name of no file.

    >>> is_region("chr1:1-2,000"), is_region("regions.bed")
    (True, False)
    """
    if not isinstance(text, str | os.PathLike) or os.path.exists(text):
        return False
    return _REGION.fullmatch(os.fspath(text).strip()) is not None
