from .command import command as command
from .refusal import refusal as refusal
from .signals import Notice as Notice
from .signals import Stopped as Stopped
from .signals import noticed as noticed
from .signals import stoppable as stoppable
