"""The synthesized stack, deployed in-process in virtual time, with the real handlers under their real roles."""
