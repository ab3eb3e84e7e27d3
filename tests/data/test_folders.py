"""Any folder of images: its classes, and which images are held out."""

import pytest

from shufflenet_zoo.data.folders import read_folder
from shufflenet_zoo.errors import DataError


def write(root, files):
    for name in files:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def names(root, split):
    found = read_folder(root, split)
    return [
        (path.removeprefix(f'{root}/'), found.class_names[label])
        for path, label in zip(found.paths, found.labels, strict=True)
    ]


def test_a_fifth_of_every_class_is_held_out_the_same_every_time(tmp_path):
    write(tmp_path, [f'{name}/{i:02}.jpg' for name, count in (('cat', 10), ('dog', 3)) for i in range(count)])
    assert names(tmp_path, 'val') == [('cat/01.jpg', 'cat'), ('cat/06.jpg', 'cat'), ('dog/01.jpg', 'dog')]
    assert sorted(names(tmp_path, 'train') + names(tmp_path, 'val')) == names(tmp_path, 'all')
    assert len(names(tmp_path, 'all')) == 13


@pytest.mark.parametrize('held_out', ['val', 'test'])
def test_a_folders_own_parts(held_out, tmp_path):
    write(tmp_path, ['train/cat/1.PNG', 'train/dog/deep/2.jpg', 'train/dog/.3.jpg', f'{held_out}/dog/4.jpeg'])
    assert names(tmp_path, 'train') == [('train/cat/1.PNG', 'cat'), ('train/dog/deep/2.jpg', 'dog')]
    assert names(tmp_path, 'val') == [(f'{held_out}/dog/4.jpeg', 'dog')]
    assert len(names(tmp_path, 'all')) == 3


def test_only_a_train_part(tmp_path):
    write(tmp_path, [f'train/{name}/{i}.jpg' for name in 'ab' for i in range(2)])
    assert names(tmp_path, 'val') == [('train/a/1.jpg', 'a'), ('train/b/1.jpg', 'b')]


def test_classes_called_train_and_val(tmp_path):
    write(tmp_path, ['train/1.jpg', 'val/2.jpg', 'car/3.jpg'])
    assert read_folder(tmp_path, 'train').class_names == ('car', 'train', 'val')


@pytest.mark.parametrize(
    ('files', 'message'),
    [
        (['a/1.jpg'], 'has 1 folders; expected one of images for each of two classes'),
        (['a/1.jpg', 'b/notes.txt'], r'b has no image \(.jpg'),
        (['train/a/1.jpg', 'train/b/1.jpg', 'val/c/1.jpg'], r'val has classes that .*train has not: c'),
    ],
)
def test_folders_that_are_no_data(files, message, tmp_path):
    with pytest.raises(DataError, match=message):
        read_folder(write(tmp_path, files), 'train')
    with pytest.raises(DataError, match='is no folder'):
        read_folder(tmp_path / 'absent', 'train')
