"""The recipes that trained the shipped entries: each is a program that writes a run folder."""
