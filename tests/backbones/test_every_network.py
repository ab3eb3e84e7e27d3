"""The same questions to every network."""

import pytest
import torch
from helpers.compare import difference
from helpers.networks import STRUCTURES, V1, V2, VARIANT_PARAMETERS, build, images
from helpers.signal import carry_signal
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from shufflenet_zoo.arch import plan_backbone
from shufflenet_zoo.arch.variants import VARIANTS
from shufflenet_zoo.errors import ArgumentError
from shufflenet_zoo.registry import MODELS

every_structure = pytest.mark.parametrize('cfg', STRUCTURES.values(), ids=STRUCTURES)
one_of_each = pytest.mark.parametrize('cfg', [V1, V2 | {'se': True}], ids=['v1', 'v2-se'])
NORMS = [{'type': 'BN'}, {'type': 'GN', 'num_groups': 2}, {'type': 'mmpretrain.LN2d'}, None]
ACTIVATIONS = ['ReLU', 'ReLU6', 'HSwish', 'SiLU', 'PReLU', 'LeakyReLU', 'GELU']


def gradients(model: nn.Module) -> dict[str, torch.Tensor]:
    return {name: p.grad for name, p in model.named_parameters() if p.grad is not None}


def assert_same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> None:
    assert one.keys() == other.keys()
    for name, tensor in one.items():
        assert torch.equal(tensor, other[name]), name


@pytest.mark.parametrize('size', [(224, 224), (225, 225), (97, 160)])
@pytest.mark.parametrize('name', VARIANT_PARAMETERS)
def test_outputs_have_the_promised_shapes(name, size):
    cfg = VARIANTS[name].backbone
    layers = len(VARIANTS[name].plan().stages) + ('V2' in cfg['type'])
    with torch.device('meta'):
        model = MODELS.build(cfg | {'out_indices': ('stem', *range(layers))})
    features = model(torch.empty(2, 3, *size, device='meta'))
    assert len(features) == len(model.out_channels) == len(model.out_strides)
    for feature, channels, stride in zip(features, model.out_channels, model.out_strides, strict=True):
        assert feature.shape == (2, channels, *(-(-side // stride) for side in size))


@every_structure
@pytest.mark.parametrize('size', [(64, 64), (65, 65), (97, 160)])
def test_structures_run_at_every_size(cfg, size):
    model = build(cfg).eval()
    with torch.no_grad():
        features = model(images(cfg, *size))
    ceil_pool = cfg.get('pool_padding') == 'ceil'
    for feature, channels, stride in zip(features, model.out_channels, model.out_strides, strict=True):
        assert feature.isfinite().all()
        # The ceil-mode pool drops the odd pixel of its input.
        assert feature.shape[:2] == (2, channels)
        if not ceil_pool:
            assert feature.shape[2:] == tuple(-(-side // stride) for side in size)


@every_structure
def test_every_parameter_gets_a_gradient(cfg):
    model = carry_signal(build(cfg))
    sum(feature.square().mean() for feature in model(images(cfg))).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().sum() > 0, name


@every_structure
def test_names_and_shapes_are_the_plans(cfg):
    convs = {name: conv.weight_shape for name, conv in plan_backbone(cfg).named_convs().items()}
    weights = {name: tuple(w.shape) for name, w in build(cfg).state_dict().items() if name.endswith('.conv.weight')}
    assert weights == {f'{name}.conv.weight': shape for name, shape in convs.items()}


@every_structure
def test_checkpointing_changes_nothing(cfg):
    x = images(cfg)
    results = []
    for with_cp in (False, True):
        model = build(cfg, with_cp=with_cp)
        sum(feature.square().mean() for feature in model(x)).backward()
        results.append((gradients(model), model.state_dict()))
    (grads, state), (grads_cp, state_cp) = results
    assert_same(grads, grads_cp)
    assert_same(state, state_cp)


@one_of_each
def test_checkpointing_keeps_fewer_activations(cfg):
    kept = {}
    for with_cp in (False, True):
        sizes = []
        model = build(cfg, with_cp=with_cp)

        def pack(tensor, sizes=sizes):
            sizes.append(tensor.numel())
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            model(images(cfg))
        kept[with_cp] = sum(sizes)
    assert kept[True] < 0.5 * kept[False]


@one_of_each
@pytest.mark.parametrize('norm_cfg', NORMS, ids=str)
@pytest.mark.parametrize('frozen_stages', [-1, 1])
def test_checkpointing_with_every_norm_and_without_gradient_of_the_input(cfg, norm_cfg, frozen_stages):
    results = []
    for with_cp in (False, True):
        model = build(cfg, with_cp=with_cp, norm_cfg=norm_cfg, frozen_stages=frozen_stages)
        model(images(cfg))[0].square().mean().backward()
        results.append((gradients(model), model.state_dict()))
    assert results[0][0]
    assert_same(results[0][0], results[1][0])
    assert_same(results[0][1], results[1][1])


@one_of_each
@pytest.mark.parametrize('frozen_stages', [-1, 0, 1, 2, 'all'])
def test_frozen_stages(cfg, frozen_stages):
    model = build(cfg, frozen_stages=frozen_stages).train()
    frozen_layers = {'all': len(model.layers)}.get(frozen_stages, frozen_stages)
    parts = [model.conv1, *model.layers]
    frozen = parts[: frozen_layers + 1]
    for part in parts:
        assert all(p.requires_grad != (part in frozen) for p in part.parameters())
        assert all(m.training != (part in frozen) for m in part.modules() if isinstance(m, _BatchNorm))
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    model(images(cfg))
    changed = {name for name, tensor in model.state_dict().items() if not torch.equal(tensor, before[name])}
    prefixes = ('conv1.', *(f'layers.{i}.' for i in range(len(model.layers))))
    for i, prefix in enumerate(prefixes):
        assert any(name.startswith(prefix) for name in changed) == (i > frozen_layers)


@one_of_each
@pytest.mark.parametrize('norm', ['BN', 'SyncBN'])
def test_norm_eval_covers_every_batch_norm(cfg, norm):
    model = build(cfg, norm_cfg={'type': norm}, norm_eval=True)
    assert model.train() is model
    norms = [m for m in model.modules() if isinstance(m, _BatchNorm)]
    assert norms and not any(m.training for m in norms)
    assert model.eval() is model


@one_of_each
@pytest.mark.parametrize('norm_cfg', [*NORMS, {'type': 'SyncBN'}], ids=str)
def test_norms(cfg, norm_cfg):
    model = build(cfg, norm_cfg=norm_cfg)
    if norm_cfg == {'type': 'SyncBN'}:
        model.eval()  # torch trains SyncBatchNorm on GPUs only
    feature = model(images(cfg))[0]
    assert feature.isfinite().all()
    if model.training:
        feature.square().mean().backward()
        assert all(p.grad is not None for p in model.parameters())


@one_of_each
@pytest.mark.parametrize('activation', ACTIVATIONS)
def test_activations(cfg, activation):
    model = build(cfg, act_cfg={'type': activation})
    model(images(cfg))[0].square().mean().backward()
    assert all(p.grad is not None for p in model.parameters())


@every_structure
def test_tracing(cfg):
    model = carry_signal(build(cfg)).eval()
    x, larger = images(cfg), images(cfg, 96, 64, batch=3)
    with torch.no_grad():
        traced = torch.jit.trace(model, x)
        symbolic = torch.fx.symbolic_trace(model)
        for batch in (x, larger):
            for feature, jit, fx in zip(model(batch), traced(batch), symbolic(batch), strict=True):
                assert torch.equal(feature, fx)
                torch.testing.assert_close(feature, jit)


@pytest.mark.parametrize(
    'cfg', [V1, V2, V2 | {'shuffle': 'even_odd', 'pool_padding': 'same'}], ids=['v1', 'v2', 'v2-even-odd-same']
)
def test_export_with_any_batch(cfg):
    model = carry_signal(build(cfg)).eval()
    exported = torch.export.export(model, (images(cfg),), dynamic_shapes=({0: torch.export.Dim('batch')},)).module()
    x = images(cfg, batch=5)
    torch.testing.assert_close(exported(x), model(x))


@pytest.mark.parametrize(
    ('cfg', 'with_cp'),
    [pytest.param(V1, True, marks=pytest.mark.slow, id='v1-with-cp'), pytest.param(V2, False, id='v2')],
)
def test_compile(cfg, with_cp):
    # In single precision, BatchNorm over the few pixels of a small image blows rounding up.
    model = carry_signal(build(cfg, with_cp=with_cp)).double()
    compiled = torch.compile(model, backend='aot_eager')
    x = images(cfg).double()
    torch.testing.assert_close(compiled(x), model(x), rtol=1e-6, atol=1e-8)


@one_of_each
def test_channels_last_computes_the_same(cfg):
    model = carry_signal(build(cfg)).eval()
    x = images(cfg)
    expected = model(x)
    for feature, plain in zip(model.to(memory_format=torch.channels_last)(x), expected, strict=True):
        assert difference([feature], [plain]) < 1e-4


@every_structure
def test_initial_weights_are_the_official_ones(cfg):
    model = build(cfg)
    for name, module in model.named_modules():
        if isinstance(module, nn.Conv2d) and module.weight.numel() > 500:
            expected = 0.01 if name.startswith('conv1') else 1 / module.weight.shape[1]
            assert module.weight.std().item() == pytest.approx(expected, rel=0.2), name
        elif isinstance(module, _BatchNorm):
            assert (module.weight == 1).all() and torch.allclose(module.bias, torch.tensor(1e-4)), name


@one_of_each
def test_initialising_is_quiet_and_init_cfg_has_the_last_word(cfg, tmp_path, capfd):
    model = build(cfg)
    torch.save(
        {'state_dict': {f'backbone.{k}': v for k, v in carry_signal(model).state_dict().items()}},
        tmp_path / 'weights.pth',
    )
    capfd.readouterr()
    build(cfg)
    assert 'same before and after' not in ''.join(capfd.readouterr())
    for init_cfg in (
        pretrained := {'type': 'Pretrained', 'checkpoint': str(tmp_path / 'weights.pth'), 'prefix': 'backbone.'},
        [pretrained],
    ):
        assert_same(build(cfg, init_cfg=init_cfg).state_dict(), model.state_dict())


@one_of_each
@pytest.mark.parametrize(
    ('arguments', 'words'),
    [
        ({'norm_cfg': {'type': 'BatchNrm'}}, 'norm_cfg must have a registered type, such as BN, SyncBN, GN'),
        ({'act_cfg': {'type': 'RELU7'}}, 'act_cfg must have a registered type, such as ReLU'),
        ({'conv_cfg': {'type': 'Conv9d'}}, 'conv_cfg must have a registered type, such as Conv2d'),
        ({'norm_cfg': {'num_groups': 2}}, 'norm_cfg must have a type'),
        ({'norm_cfg': True}, 'norm_cfg must have a type'),
        ({'conv_cfg': 3}, 'conv_cfg must have a type'),
        ({'act_cfg': 1.5}, 'act_cfg must have a type'),
        ({'norm_cfg': {'type': 'LN'}}, "use 'mmpretrain.LN2d'"),
        ({'norm_cfg': {'type': 'GN', 'num_groups': 7}}, 'num_groups=7 does not divide'),
    ],
)
def test_wrong_layer_types_are_named(cfg, arguments, words):
    with pytest.raises(ArgumentError) as error:
        build(cfg, **arguments)
    assert words in str(error.value)


@one_of_each
@pytest.mark.parametrize(
    ('shape', 'words'),
    [
        ((1, 4, 64, 64), 'the input must have shape (N, 3, H, W), got (1, 4, 64, 64)'),
        ((3, 64, 64), 'the input must have shape (N, 3, H, W), got (3, 64, 64)'),
        ((1, 3, 31, 64), 'must be at least 32 pixels, the largest requested stride; got (31, 64)'),
    ],
)
def test_wrong_images_are_refused(cfg, shape, words):
    with pytest.raises(ArgumentError) as error:
        build(cfg)(torch.zeros(shape))
    assert words in str(error.value)
