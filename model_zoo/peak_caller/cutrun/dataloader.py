"""The dataloader of this entry; everything that it does is in epizoo.plugins.kipoi.dataloader."""

from epizoo.plugins.kipoi import dataloader


class CoverageDataset(dataloader.CoverageDataset):
    pass
