# CIFAR-100 as chenyaofo feeds it, from the files that its authors publish; mmpretrain downloads them.
_base_ = './cifar10.py'

dataset_type = 'CIFAR100'
data_root = 'data/cifar100'
data_preprocessor = dict(num_classes=100, mean=[129.285, 124.0575, 112.4295], std=[68.1615, 65.382, 70.4055])

train_dataloader = dict(dataset=dict(type=dataset_type, data_root=data_root))
val_dataloader = dict(dataset=dict(type=dataset_type, data_root=data_root))
test_dataloader = val_dataloader
