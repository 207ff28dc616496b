"""Live figures: widgets in a notebook, alive on the page without one."""

from vitlib.teach.live.attention_explorer import AttentionExplorer
from vitlib.teach.live.data_explorer import DataExplorer
from vitlib.teach.live.digit_pad import DigitPad
from vitlib.teach.live.encoder_switches import EncoderSwitches
from vitlib.teach.live.filter_explorer import FilterExplorer
from vitlib.teach.live.lens_explorer import LensExplorer
from vitlib.teach.live.patch_explorer import PatchExplorer
from vitlib.teach.live.patch_shuffle import PatchShuffle
from vitlib.teach.live.position_explorer import PositionExplorer
from vitlib.teach.live.receptive_field import ReceptiveField
from vitlib.teach.live.recipe_explorer import RecipeExplorer
from vitlib.teach.live.size_explorer import SizeExplorer
from vitlib.teach.live.training_replay import TrainingReplay

__all__ = [
    "AttentionExplorer",
    "DataExplorer",
    "DigitPad",
    "EncoderSwitches",
    "FilterExplorer",
    "LensExplorer",
    "PatchExplorer",
    "PatchShuffle",
    "PositionExplorer",
    "ReceptiveField",
    "RecipeExplorer",
    "SizeExplorer",
    "TrainingReplay",
]
