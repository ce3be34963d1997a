"""Training of the person detector, RTMDet: assignment, losses, images, recipe."""
