"""Tensors at numbers: functions of arrays, what is fed to them, where they run."""
