from . import words as words
from .page import render as render
from .words import headline as headline
