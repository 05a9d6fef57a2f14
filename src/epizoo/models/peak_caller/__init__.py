"""The peak caller: its network, its heads and its denoiser."""
