"""What every microscope's reconstruction shares: recipe, optimiser, losses, sparsity, metrics, pace of previews."""
