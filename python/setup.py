# SPDX-License-Identifier: MIT
"""What pip of old Pythons asks for; all is in setup.cfg."""

from setuptools import setup

setup()
