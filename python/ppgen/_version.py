# SPDX-License-Identifier: MIT
"""The version of this package: that of the ppgen program it comes with."""

__version__ = "0.1.0"
