"""What tests do with a page in a browser."""

import re
import time

import numpy as np

# For what takes a few seconds, on a machine that does other work too.
PATIENCE_MS = 180_000


def until(page, condition):
    """Wait for a condition; playwright's own waiting evaluates text in the page, which the page's policy forbids."""
    end = time.monotonic() + PATIENCE_MS / 1000
    while not page.evaluate(condition):
        assert time.monotonic() < end, condition
        page.wait_for_timeout(50)


def download(page, selector, path, named=".+"):
    """Click what offers a file, whose name is of this pattern, and save it."""
    with page.expect_download() as found:
        page.click(selector)
    assert re.fullmatch(named, found.value.suggested_filename)
    found.value.save_as(path)
    return path


def contrast(page, selector):
    """Contrast of text and ground by WCAG 2.1."""
    colors = page.locator(selector).first.evaluate(
        """text => {
          let ground = text;
          while (getComputedStyle(ground).backgroundColor === "rgba(0, 0, 0, 0)") {
            ground = ground.parentElement ?? ground.getRootNode().host;
          }
          return [getComputedStyle(text).color, getComputedStyle(ground).backgroundColor];
        }"""
    )
    lights = []
    for color in colors:
        channels = np.array([float(part) for part in color.split("(")[1].rstrip(")").split(",")[:3]]) / 255
        linear = np.where(channels <= 0.03928, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
        lights.append(float(linear @ [0.2126, 0.7152, 0.0722]))
    return (max(lights) + 0.05) / (min(lights) + 0.05)
