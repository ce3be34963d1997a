"""The commands of `rtmpose3d`, one module each: options, one call of the package, printing."""
