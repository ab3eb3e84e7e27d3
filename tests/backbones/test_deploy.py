"""The deploy form computes what the trained network computes."""

import copy
import io

import numpy as np
import pytest
import torch
from helpers.compare import difference
from helpers.networks import STRUCTURES, V1, V2, VARIANT_PARAMETERS, build, images
from helpers.signal import carry_signal
from torch import nn

from shufflenet_zoo.arch.variants import VARIANTS
from shufflenet_zoo.backbones import to_deploy
from shufflenet_zoo.backbones.folding import Reorder
from shufflenet_zoo.errors import ArgumentError

BOUND = 1e-5
EXTRA_STRUCTURES = {
    'v1-g3-megvii': V1 | {'shuffle_order': 'megvii'},
    'v1-g8-mixed-blocks': V1 | {'groups': 8},
    'v1-symmetric-every-output-stride-8': V1 | {'out_indices': (1, 0), 'output_stride': 8},
    'v1-stem-only': V1 | {'out_indices': 'stem'},
    'v2-even-odd-halves': V2 | {'shuffle': 'even_odd'},
    'v2-even-odd-se-residual-star': V2 | {'shuffle': 'even_odd', 'se': True, 'residual': True, 'extra_depthwise': True},
    'v2-without-last': V2 | {'out_indices': (0, 2)},
    'v2-50-keep-se-residual': STRUCTURES['v2-50'] | {'se': True, 'residual': True, 'down_unit': 'keep'},
}
RIGID_NORMS = {
    'GN': {'type': 'GN', 'num_groups': 2},
    'LN2d': {'type': 'mmpretrain.LN2d'},
    'none': None,
}
SHUFFLES = {
    'v1-g8': V1 | {'groups': 8},
    'v1-megvii': V1 | {'shuffle_order': 'megvii'},
    'v2': V2,
    'v2-megvii-se-star': STRUCTURES['v2-megvii'] | {'se': True, 'extra_depthwise': True},
    'v2-residual': V2 | {'residual': True},
}


def every(cfgs: dict) -> pytest.MarkDecorator:
    return pytest.mark.parametrize('cfg', cfgs.values(), ids=cfgs)


@torch.no_grad()
def check(cfg: dict, height: int = 64, width: int = 64, batch: int = 2, **overrides) -> nn.Module:
    """Compare in double precision, where rounding hides nothing, and in single precision, where users are."""
    model = carry_signal(build(cfg, **overrides)).eval()
    x = images(cfg, height, width, batch)
    deployed, found = to_deploy(model), model(x)
    precise = copy.deepcopy(model).double()
    expected = precise(x.double())
    assert all(feature.std() > 1e-3 for feature in expected)
    assert difference(to_deploy(precise)(x.double()), expected) <= 1e-6
    # Gates that saturate amplify rounding: no form of such a network is nearer to another than to its exact value.
    assert difference(deployed(x), found) <= max(BOUND, 5 * difference(found, expected))
    return deployed


@every(STRUCTURES | EXTRA_STRUCTURES)
def test_structures_stay_equal(cfg):
    check(cfg)


@pytest.mark.parametrize('name', VARIANT_PARAMETERS)
def test_variants_stay_equal(name):
    side = 32 if 'se_164' in name else 64
    check(VARIANTS[name].backbone, side, side, batch=1)


@pytest.mark.parametrize(('height', 'width', 'batch'), [(65, 97, 3), (32, 40, 1), (224, 224, 1)])
@every({'v1': V1, 'v1-same': STRUCTURES['v1-same-pools'], 'v2': V2, 'v2-ceil': STRUCTURES['v2-ceil-pool']})
def test_every_image_size(cfg, height, width, batch):
    check(cfg, height, width, batch)


@every(SHUFFLES)
@pytest.mark.parametrize('norm', RIGID_NORMS.values(), ids=RIGID_NORMS)
def test_other_norms_stay_and_the_rest_is_rewritten(cfg, norm):
    deployed = check(cfg, norm_cfg=norm)
    kinds = {type(module) for module in carry_signal(build(cfg, norm_cfg=norm)).eval().modules()}
    for kind in kinds & {nn.GroupNorm, nn.BatchNorm2d}:
        assert any(type(module) is kind for module in deployed.modules())


@pytest.mark.parametrize('kind', ['ReLU6', 'HSwish', 'SiLU', 'PReLU', 'LeakyReLU', 'GELU'])
@every(SHUFFLES)
def test_activations(cfg, kind):
    check(cfg, act_cfg={'type': kind})


def test_slopes_by_channel_follow_their_channels():
    model = build(SHUFFLES['v2-residual'] | {'shuffle': 'even_odd'}, act_cfg={'type': 'PReLU'})
    for module in model.layers.modules():
        if hasattr(module, 'activate') and isinstance(module.activate, nn.PReLU):
            module.activate = nn.PReLU(module.out_channels)
    for module in model.layers.modules():
        if hasattr(module, 'unit') and module.unit.adds_residual:
            module.act = nn.PReLU(module.unit.main_out_channels)
    carry_signal(model).eval()
    for module in model.modules():
        if isinstance(module, nn.PReLU):
            nn.init.uniform_(module.weight, 0, 1)
    x = images(V2)
    with torch.no_grad():
        assert difference(to_deploy(model)(x), model(x)) <= BOUND


def test_other_convolutions_stay():
    conv_cfg = {'type': 'Conv2dAdaptivePadding'}
    check(V1, conv_cfg=conv_cfg)
    check(V2 | {'shuffle': 'even_odd'}, conv_cfg=conv_cfg)


@every({'v1': V1, 'v2': V2, 'v2-megvii': STRUCTURES['v2-megvii']})
def test_nothing_is_left_of_batchnorm_and_of_v2s_shuffles(cfg):
    deployed = to_deploy(build(cfg).eval())
    assert not any(isinstance(module, (nn.modules.batchnorm._BatchNorm, Reorder)) for module in deployed.modules())
    graph = torch.jit.trace(deployed, images(cfg)).inlined_graph
    kinds = {node.kind() for node in graph.nodes()}
    assert not kinds & {'aten::batch_norm', 'aten::index_select', 'aten::chunk', 'aten::split'}
    assert ('aten::transpose' in kinds) == (cfg is V1)


@every({'v1': V1, 'v1-megvii': SHUFFLES['v1-megvii'], 'v2': V2})
def test_feature_maps_are_stored_pixel_by_pixel(cfg):
    deployed = to_deploy(carry_signal(build(cfg)).eval())
    convolved = []
    for module in deployed.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_pre_hook(lambda _, inputs: convolved.append(inputs[0]))
    deployed(images(cfg))
    assert len(convolved) > 40 and all(x.stride(1) == 1 for x in convolved)


@every({'v1': V1, 'v2': V2 | {'se': True, 'residual': True}})
def test_the_original_stays_untouched(cfg):
    model = carry_signal(build(cfg)).train()
    before = copy.deepcopy(model.state_dict())
    modes = [module.training for module in model.modules()]
    deployed = to_deploy(model)
    for parameter in deployed.parameters():
        parameter.data.zero_()
    assert modes == [module.training for module in model.modules()]
    assert all(parameter.requires_grad for parameter in model.parameters())
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, before[name]), name
    assert not deployed.training
    assert not any(parameter.requires_grad for parameter in deployed.parameters())


def test_precision_is_kept():
    model = carry_signal(build(V2)).eval().double()
    x = images(V2).double()
    deployed = to_deploy(model)
    assert {parameter.dtype for parameter in deployed.parameters()} == {torch.float64}
    with torch.no_grad():
        assert difference(deployed(x), model(x)) <= 1e-12


def classifier(backbone: dict) -> nn.Module:
    from mmpretrain.registry import MODELS

    torch.manual_seed(0)
    channels = build(backbone).out_channels[-1]
    return MODELS.build(
        {
            'type': 'mmpretrain.ImageClassifier',
            'backbone': backbone,
            'neck': {'type': 'GlobalAveragePooling'},
            'head': {'type': 'LinearClsHead', 'num_classes': 10, 'in_channels': channels},
        }
    )


@every({'v1': V1, 'v2': V2})
def test_whole_classifier(cfg):
    model = carry_signal(classifier(cfg)).eval()
    deployed = to_deploy(model)
    x = images(cfg)
    with torch.no_grad():
        assert difference([deployed(x)], [model(x)]) <= BOUND
    assert model.backbone is not deployed.backbone and type(model.backbone) is not type(deployed.backbone)


@every({'v1': V1, 'v2': V2 | {'out_indices': ('stem', 0, 3)}})
def test_trace_scripts_and_saves(cfg):
    deployed = to_deploy(carry_signal(build(cfg)).eval())
    x = images(cfg)
    traced = torch.jit.freeze(torch.jit.trace(deployed, x))
    buffer = io.BytesIO()
    torch.jit.save(traced, buffer)
    buffer.seek(0)
    other = images(cfg, 65, 97, 3)
    with torch.no_grad():
        assert difference(torch.jit.load(buffer)(other), deployed(other)) <= BOUND


@every({'v1': V1 | {'out_indices': (0,)}, 'v2-ceil': STRUCTURES['v2-ceil-pool'] | {'out_indices': (1, 3)}})
def test_export_takes_any_batch_and_size(cfg):
    deployed = to_deploy(carry_signal(build(cfg)).eval())
    batch = torch.export.Dim('batch')
    height, width = (torch.export.Dim(name, min=36) for name in ('height', 'width'))
    program = torch.export.export(
        deployed, (images(cfg, 64, 96, 2),), dynamic_shapes=({0: batch, 2: height, 3: width},)
    )
    for size in ((64, 64, 1), (65, 98, 3), (37, 63, 2)):
        x = images(cfg, *size)
        with torch.no_grad():
            assert difference(program.module()(x), deployed(x)) <= BOUND


def test_pools_of_one_exported_size_keep_their_stride_and_have_constant_weights():
    """At stride 1 the max-pool of an engine takes four times as long; computed weights are slow."""
    deployed = to_deploy(carry_signal(build(V1)).eval())
    x = images(V1)
    program = torch.export.export(deployed, (x,))
    with torch.no_grad():
        assert difference(program.module()(x), deployed(x)) <= BOUND
    nodes = [node for node in program.graph.nodes if node.op == 'call_function']
    (pool,) = (node for node in nodes if 'max_pool2d' in str(node.target))
    assert pool.args[1:4] == ([3, 3], [2, 2], [1, 1])
    assert {node.args[1].op for node in nodes if 'conv' in str(node.target)} == {'placeholder'}


def test_compiled_graph_is_not_the_exported_one():
    nodes = []

    def capture(graph, inputs):
        nodes.extend(graph.graph.nodes)
        return graph.forward

    torch.compile(to_deploy(build(V2)), backend=capture)(images(V2))
    (pool,) = (node for node in nodes if 'max_pool2d' in getattr(node.target, '__name__', ''))
    # At its own stride, and pixel by pixel, concatenations along the last dimension included.
    assert pool.args[1:4] == (3, 2, 1)
    assert any(node.kwargs.get('memory_format') == torch.channels_last for node in nodes)
    assert {node.args[1] for node in nodes if node.target is torch.cat} == {3}


def test_compiles_without_a_graph_break():
    deployed = to_deploy(carry_signal(build(V2)).eval())
    x = images(V2)
    compiled = torch.compile(deployed, fullgraph=True, backend='aot_eager')
    with torch.no_grad():
        assert difference(compiled(x), deployed(x)) <= BOUND


def test_mixed_up_slices_are_caught(monkeypatch):
    from shufflenet_zoo.backbones import deploy_v2

    route_stage = deploy_v2.route_stage

    def wrong(units, reorder):
        routes = route_stage(units, reorder)
        routes.reads[0].order[:] = np.roll(routes.reads[0].order, 1)
        return routes

    monkeypatch.setattr(deploy_v2, 'route_stage', wrong)
    with pytest.raises(AssertionError):
        check(V2)


@pytest.mark.parametrize('model', [nn.Conv2d(3, 3, 1), nn.ModuleDict({'backbone': nn.Identity()})])
def test_other_models_are_refused(model):
    with pytest.raises(ArgumentError, match='to_deploy takes a ShuffleNetV1'):
        to_deploy(model)
