"""The architectures by name. Imports nothing heavy."""

from collections.abc import Mapping
from typing import Final

import models_zoo
from models_zoo.contract import Architecture, Option

ARCHITECTURES: Final[Mapping[str, Architecture]] = {
    "mlp": Architecture(
        "multi-layer perceptron on the raw pixels",
        lambda: models_zoo.mlp.build,
        smallest_px=1,
        options={
            "width": Option("units a hidden layer", 512, 1, 8192),
            "depth": Option("hidden layers", 2, 1, 16),
        },
    ),
    "cnn": Architecture(
        "simple CNN: blocks of convolution and pooling",
        lambda: models_zoo.cnn.build,
        smallest_px=16,
        options={
            "width": Option("channels of the first block", 64, 1, 512),
            "depth": Option("blocks", 3, 1, 8),
            "kernel_size": Option("side of the filters", 3, 1, 11),
            "stride": Option("step of the filters", 1, 1, 4),
            "pool": Option("how each block halves the image", "max", choices=("max", "avg")),
            "cells": Option("largest side of what the classifier sees; above 1 it knows where things are", 1, 1, 8),
            "dropout": Option(
                "dropout of whole channels after each block; -1: as the recipe", -1.0, -1.0, 0.9, unset="as the recipe"
            ),
        },
    ),
    "cnn-deep": Architecture(
        "refined residual CNN for small images",
        lambda: models_zoo.cnn_deep.build,
        smallest_px=16,
        options={
            "width": Option("channels at full size; 2, 4 and 6 times that further on", 48, 8, 256),
            "depth": Option("residual blocks after the first and the last halving", 1, 0, 8),
        },
    ),
    "vgg11_bn": Architecture("VGG of 11 layers, batch norm", lambda: models_zoo.torchvision_nets.build_vgg, 16),
    "vgg16_bn": Architecture("VGG of 16 layers, batch norm", lambda: models_zoo.torchvision_nets.build_vgg, 16),
    "resnet18": Architecture("ResNet of 18 layers", lambda: models_zoo.torchvision_nets.build_resnet, 16),
    "resnet34": Architecture("ResNet of 34 layers", lambda: models_zoo.torchvision_nets.build_resnet, 16),
    "resnet50": Architecture("ResNet of 50 layers", lambda: models_zoo.torchvision_nets.build_resnet, 16),
    "timm:NAME": Architecture(
        "any network of timm, by its name",
        lambda: models_zoo.timm_nets.build,
        smallest_px=1,
        options={
            "input_px": Option(
                "side to which it enlarges smaller images; 0: pre-trained, to the weights' own, else not",
                0,
                0,
                1024,
                unset="the weights' own where pre-trained, else the images'",
            ),
        },
        pretrained=True,
    ),
}

TIMM: Final = "timm:"
