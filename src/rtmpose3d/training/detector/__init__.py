"""Training of the person detector, RTMDet: assignment, losses, pictures, recipe."""
