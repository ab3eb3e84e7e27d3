"""The command lines, one module each with main(): tools/*.py and ``shufflenet-zoo`` run the same code.

Their options are read before a framework is imported, so that help comes at once.
"""

# What each command does, in the order of its help; the module has its name.
COMMANDS = {
    'train': 'train the model of a config',
    'test': 'evaluate a checkpoint on the test data of a config',
    'validate': 'measure the accuracy of published weights, beside the published figures',
    'predict': 'classify images, or detect objects in them',
    'demo': 'show on a web page what models make of a picture, in every framework at once',
    'curves': 'draw loss, learning rate and metrics of trainings',
    'confusion': 'draw which classes are taken for which',
    'augmented': 'draw training images as they are augmented',
    'cam': 'draw where in images a class is seen (Grad-CAM)',
    'tsne': 'draw the features of the test images in the plane (t-SNE)',
    'convert': 'convert weights from one layout and file format into another',
    'export': 'write a trained classifier into a file for an inference runtime',
    'list': 'list the networks, and the weights that are published of them',
    'info': 'count parameters and multiply-adds',
    'verify': 'prove that networks compute the same in PyTorch and in MindSpore',
    'digits': 'write the handwritten digits as a folder of images',
    'ablate': 'train V1 with other groups and without its shuffle, and compare the accuracies',
    'benchmark': 'measure the speed of every engine',
}
