"""What a report's page holds."""

import json
import re


def table(page, caption):
    """The rows of a table of the page, as texts."""
    part = page.partition(f"<caption>{caption}</caption>")[2].partition("</table>")[0]
    rows = re.findall(r"<tr>(.*?)</tr>", part, re.DOTALL)
    return [[re.sub(r"<.*?>", "", cell) for cell in re.findall(r"<t[hd].*?</t[hd]>", row)] for row in rows]


def excerpts(page):
    """What the page's genome browser is given."""
    return json.loads(re.search(r'id="excerpts">(.*?)</script>', page, re.DOTALL)[1])
