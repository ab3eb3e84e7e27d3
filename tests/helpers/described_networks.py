"""Networks of publishers that no package installs, from their descriptions."""

import torch
from torch import nn


def _conv_norm(inputs, outputs, kernel=1, stride=1, groups=1, act=False):
    layers = [
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
    ]
    return [*layers, nn.ReLU()] if act else layers


class MegviiV1Unit(nn.Module):
    """Shuffle after the depthwise convolution, which reads channels as (n, groups); ReLU before concatenation."""

    def __init__(self, inputs, outputs, groups, first, stride):
        super().__init__()
        mid, self.stride, self.groups = outputs // 4, stride, groups
        self.branch_main_1 = nn.Sequential(
            *_conv_norm(inputs, mid, groups=1 if first else groups, act=True),
            *_conv_norm(mid, mid, 3, stride, groups=mid),
        )
        self.branch_main_2 = nn.Sequential(
            *_conv_norm(mid, outputs - inputs if stride == 2 else outputs, groups=groups)
        )

    def forward(self, x):
        y = self.branch_main_1(x)
        n, c, h, w = y.shape
        y = y.reshape(n, c // self.groups, self.groups, h, w).permute(0, 2, 1, 3, 4).reshape(n, c, h, w)
        y = self.branch_main_2(y)
        if self.stride == 1:
            return torch.relu(x + y)
        return torch.cat([nn.functional.avg_pool2d(x, 3, 2, 1), torch.relu(y)], 1)


class MegviiV2Unit(nn.Module):
    """Takes even and odd channels apart before stride-1 units; a projection keeps its channels."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.stride = stride
        main_inputs = inputs if stride == 2 else inputs // 2
        self.branch_main = nn.Sequential(
            *_conv_norm(main_inputs, outputs // 2, act=True),
            *_conv_norm(outputs // 2, outputs // 2, 3, stride, groups=outputs // 2),
            *_conv_norm(outputs // 2, outputs - main_inputs, act=True),
        )
        if stride == 2:
            self.branch_proj = nn.Sequential(
                *_conv_norm(inputs, inputs, 3, 2, groups=inputs), *_conv_norm(inputs, inputs, act=True)
            )

    def forward(self, x):
        if self.stride == 2:
            return torch.cat([self.branch_proj(x), self.branch_main(x)], 1)
        return torch.cat([x[:, 0::2], self.branch_main(x[:, 1::2])], 1)


class MegviiNet(nn.Module):
    """The official release's networks, with the global pool of its training size made independent of it."""

    def __init__(self, stem, channels, classes, groups=None, last=None):
        super().__init__()
        self.first_conv = nn.Sequential(*_conv_norm(3, stem, 3, 2, act=True))
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        units, inputs = [], stem
        for stage, (outputs, repeat) in enumerate(zip(channels, (4, 8, 4), strict=True)):
            for i in range(repeat):
                stride = 1 if i else 2
                units.append(
                    MegviiV1Unit(inputs, outputs, groups, stage == i == 0, stride)
                    if groups
                    else MegviiV2Unit(inputs, outputs, stride)
                )
                inputs = outputs
        self.features = nn.Sequential(*units)
        if last:
            self.conv_last = nn.Sequential(*_conv_norm(inputs, last, act=True))
        self.classifier = nn.Sequential(nn.Linear(last or inputs, classes, bias=False))

    def forward(self, images):
        x = self.maxpool(self.first_conv(images))
        outputs = {'stem': x}
        for i, unit in enumerate(self.features):
            x = unit(x)
            if i in (3, 11, 15):
                outputs[f'stage{(3, 11, 15).index(i) + 2}'] = x
        if hasattr(self, 'conv_last'):
            x = outputs['last_conv'] = self.conv_last(x)
        return outputs | {'logits': self.classifier(x.mean((2, 3)))}


def build_tutorial(stem, channels, groups, classes, has_bias):
    """The MindSpore tutorial's V1: lists of convolutions, an early shuffle, same-padded pools, one ReLU at the end."""
    import mindspore.ops as ops
    from mindspore import nn as msnn

    class GroupedConv(msnn.Cell):
        def __init__(self, inputs, outputs, groups):
            super().__init__()
            self.groups = groups
            self.convs = msnn.CellList([msnn.Conv2d(inputs // groups, outputs // groups, 1) for _ in range(groups)])

        def construct(self, x):
            parts = ops.chunk(x, self.groups, axis=1)
            return ops.cat([conv(part) for conv, part in zip(self.convs, parts, strict=True)], axis=1)

    class Unit(msnn.Cell):
        def __init__(self, inputs, outputs, first, stride):
            super().__init__()
            mid, self.stride = outputs // 4, stride
            expanded = outputs - inputs if stride == 2 else outputs
            self.branch_main_1 = msnn.SequentialCell(
                GroupedConv(inputs, mid, 1 if first else groups), msnn.BatchNorm2d(mid), msnn.ReLU()
            )
            self.branch_main_2 = msnn.SequentialCell(
                msnn.Conv2d(mid, mid, 3, stride, pad_mode='pad', padding=1, group=mid),
                msnn.BatchNorm2d(mid),
                GroupedConv(mid, expanded, groups),
                msnn.BatchNorm2d(expanded),
            )
            self.branch_proj = msnn.AvgPool2d(3, 2, pad_mode='same')

        def construct(self, x):
            y = self.branch_main_1(x)
            n, c, h, w = y.shape
            y = y.reshape(n, c // groups, groups, h, w).transpose(0, 2, 1, 3, 4).reshape(n, c, h, w)
            y = self.branch_main_2(y)
            return ops.relu(x + y if self.stride == 1 else ops.cat([self.branch_proj(x), y], axis=1))

    class Net(msnn.Cell):
        def __init__(self):
            super().__init__()
            self.first_conv = msnn.SequentialCell(
                msnn.Conv2d(3, stem, 3, 2, pad_mode='pad', padding=1), msnn.BatchNorm2d(stem), msnn.ReLU()
            )
            self.maxpool = msnn.MaxPool2d(3, 2, pad_mode='same')
            units, inputs = [], stem
            for stage, (outputs, repeat) in enumerate(zip(channels, (4, 8, 4), strict=True)):
                for i in range(repeat):
                    units.append(Unit(inputs, outputs, stage == i == 0, 1 if i else 2))
                    inputs = outputs
            self.features = msnn.SequentialCell(units)
            self.classifier = msnn.Dense(inputs, classes, has_bias=has_bias)

        def construct(self, images):
            x = self.maxpool(self.first_conv(images))
            outputs = [x]
            for i, unit in enumerate(self.features):
                x = unit(x)
                if i in (3, 11, 15):
                    outputs.append(x)
            return (*outputs, self.classifier(x.mean((2, 3))))

    return Net()


def run_reference(model, state):
    """A function that runs a PyTorch reference, in double precision and with a state, on arrays."""
    model.double().eval().load_state_dict({name: torch.from_numpy(value) for name, value in state.items()})

    @torch.no_grad()
    def run(images):
        return {name: output.numpy() for name, output in model(torch.from_numpy(images)).items()}

    return run
