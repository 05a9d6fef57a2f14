"""Peaks in the browser: the data that the page is built with, and a server for the built page."""
