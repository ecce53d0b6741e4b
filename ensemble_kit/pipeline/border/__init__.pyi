from .command import command as command
from .refusal import refusal as refusal
from .signals import Notice as Notice, Stopped as Stopped, noticed as noticed, stoppable as stoppable
