"""Maps of what in an image speaks for each class: one file each."""

from sshml.explanations.base import Explanation
from sshml.explanations.class_activation import ClassActivation
from sshml.explanations.grad_cam import GradCAM
from sshml.explanations.integrated_gradients import IntegratedGradients
from sshml.explanations.occlusion import Occlusion
from sshml.explanations.torch_cam import TorchCAM

__all__ = [
    "ClassActivation", "Explanation", "GradCAM", "IntegratedGradients", "Occlusion", "TorchCAM"
]  # fmt: skip
