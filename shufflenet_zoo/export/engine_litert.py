"""A program for LiteRT's environment, which lacks this package: turns a .pt2 file into a .tflite file."""

import sys

import litert_torch
import torch


def main(source: str, target: str) -> None:
    """Convert an exported program, whose input is one image batch of one size."""
    program = torch.export.load(source)
    example = tuple(torch.zeros_like(value) for value in program.example_inputs[0])
    litert_torch.convert(program.module(), example).export(target)


if __name__ == '__main__':
    main(*sys.argv[1:])
