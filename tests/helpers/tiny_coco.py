"""A COCO-format data set of a few small pictures, and detection configs shrunk to it."""

import json
from pathlib import Path

import cv2
import numpy as np
from mmengine.config import Config

SIDE = 96
IMAGES = 4
# A config of every detector and family of backbones, the narrowest there is.
ONE_OF_EACH = (
    'faster-rcnn_shufflenet-v1-1x-g3_fpn_1x_coco.py',
    'faster-rcnn_shufflenet-v2-0.5x_fpn_1x_coco.py',
    'retinanet-light_shufflenet-v2-1x_320_coco.py',
    'retinanet_shufflenet-v1-1x-g3_fpn_1x_coco.py',
    'retinanet_shufflenet-v2-star-0.5x_fpn_1x_coco.py',
    'rtmdet-tiny_shufflenet-v2-1x_640_coco.py',
    'ssdlite_shufflenet-v2-1x_320_coco.py',
)
# Arguments of transforms that are sizes of pictures.
_SIZES = ('scale', 'img_scale', 'crop_size', 'size')


def write_coco(root: Path, categories: tuple[str, ...]) -> Path:
    """Write pictures with a bright rectangle or two each, for training and validation, as COCO 2017 is laid out."""
    rng = np.random.default_rng(0)
    (root / 'annotations').mkdir(parents=True)
    for split in ('train2017', 'val2017'):
        (root / split).mkdir()
        images, annotations = [], []
        for number in range(1, IMAGES + 1):
            picture = rng.integers(0, 60, (SIDE, SIDE, 3), dtype=np.uint8)
            for _ in range(1 + number % 2):
                x, y = (int(corner) for corner in rng.integers(0, SIDE - 48, 2))
                picture[y : y + 40, x : x + 36] = 200
                annotations.append(
                    {
                        'id': len(annotations) + 1,
                        'image_id': number,
                        'bbox': [x, y, 36, 40],
                        'area': 36 * 40,
                        'category_id': int(rng.integers(1, len(categories) + 1)),
                        'iscrowd': 0,
                    }
                )
            cv2.imwrite(str(root / split / f'{number}.jpg'), picture)
            images.append({'id': number, 'file_name': f'{number}.jpg', 'width': SIDE, 'height': SIDE})
        content = {
            'images': images,
            'annotations': annotations,
            'categories': [{'id': i, 'name': name} for i, name in enumerate(categories, 1)],
        }
        (root / 'annotations' / f'instances_{split}.json').write_text(json.dumps(content))
    return root


def shrink(config: Config, root: Path, side: int = SIDE) -> Config:
    """Make a config train two iterations on the tiny set, keep every box, and evaluate; the model stays as it is."""
    for field in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
        loader = config[field]
        loader.update(batch_size=2, num_workers=0, persistent_workers=False)
        dataset = loader.dataset
        while 'dataset' in dataset:
            dataset.times = 1
            dataset = dataset.dataset
        dataset.data_root = str(root)
        _shrink_pictures(dataset.pipeline, side)
    for field in ('val_evaluator', 'test_evaluator'):
        config[field].ann_file = str(root / 'annotations' / 'instances_val2017.json')
    for hook in config.get('custom_hooks') or ():
        _shrink_pictures(hook.get('switch_pipeline') or (), side)
    config.train_cfg.update(max_epochs=1, val_interval=1, dynamic_intervals=None)
    config.default_hooks.logger.interval = 1
    config.default_hooks.checkpoint.save_optimizer = False
    if 'rcnn' in config.model.train_cfg:
        config.model.train_cfg.rcnn.sampler.num = 32
        config.model.test_cfg.rpn.max_per_img = 50
    # After two iterations no score or size would pass the usual thresholds, and nothing would be evaluated.
    test_cfg = config.model.test_cfg.get('rcnn', config.model.test_cfg)
    test_cfg.update(score_thr=0.0, min_bbox_size=-1, max_per_img=10)
    return config


def _shrink_pictures(pipeline: list, side: int) -> None:
    for step in pipeline:
        for name in _SIZES:
            if name in step:
                step[name] = (side, side)
