"""Reads of BAM, BED, BEDPE and single cells: parsed, without duplicates, counted and piled up."""
