"""bigWig files, read and written in plain NumPy: what a file states is checked before it is believed."""
