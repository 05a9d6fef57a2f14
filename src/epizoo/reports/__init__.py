"""Results to show: a report as one HTML file, figures for MultiQC, a track hub and a session for genome browsers."""
