"""The dataloader of this entry; everything that it does is in epizoo.plugins.kipoi_dataloader."""

from epizoo.plugins import kipoi_dataloader


class CoverageDataset(kipoi_dataloader.CoverageDataset):
    pass
