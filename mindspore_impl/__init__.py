"""ShuffleNet V1 and V2 in MindSpore, and their trainer."""
