"""Rigged bodies: a morphed mesh in metres with skeleton and keypoints.

`make_body` builds one from traits (about 10 ms); `forward_kinematics` and `bone_matrices` convert
joint rotations to bone matrices; `skin_vertices` moves vertices as the renderer's vertex shader
does. Joint rotations are measured from the zero pose (`body.zero_pose`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rtmpose3d.structures import FloatArray, IntArray
from rtmpose3d.synth.assets import BODY_VERTICES, KeypointAnchors, MakeHumanAssets, Rig
from rtmpose3d.synth.body.shape import Traits, morph_weights
from rtmpose3d.synth.body.zero_pose import zero_rotations

_METRE = np.float32(0.1)  # MakeHuman's unit is the decimetre
_MORPH_FRACTION = 0.75  # of the difference to the target stature; the rest by uniform scaling
_SKIN_RADIUS_M = 0.014  # tolerated depth of a point of the skin: meshes are no thinner
_NEAR_VERTICES = 24  # skin vertices around a joint that measure its depth
_JOINT_MARGIN_M = 0.012  # clothes over a joint
_HAND_MARGIN_M = 0.003  # no clothes, and fingers hide each other
_FIRST_HAND_KEYPOINT = 91


@dataclass(frozen=True, kw_only=True, eq=False)
class RiggedBody:
    """A naked body at rest.

    Attributes:
        traits: the traits that it was built from.
        rig: bones and weights.
        vertices: (19158, 3) float32, metres, including helpers; the soles are at y = 0.
        heads: (B, 3) float64 heads of the bones.
        tails: (B, 3) float64 tails of the bones.
        zero: (B, 3, 3) float64 rotations from rest to the zero pose.
        offsets: (B, 3) float64 from the parent's head to the bone's head, in the zero pose.
        keypoint_ids: (133, K) int32 vertices of each keypoint, repeated to the same length.
        keypoint_bones: (133,) int32 bone that carries the keypoint rigidly; -1 for skin.
        keypoint_radius_m: (133,) float64 depth of each keypoint under the skin.
        stature_m: standing height.
    """

    traits: Traits
    rig: Rig
    vertices: FloatArray
    heads: FloatArray
    tails: FloatArray
    zero: FloatArray
    offsets: FloatArray
    keypoint_ids: IntArray
    keypoint_bones: IntArray
    keypoint_radius_m: FloatArray
    stature_m: float

    def bone(self, name: str) -> int:
        """Index of a bone."""
        return self.rig.index[name]


def make_body(traits: Traits, assets: MakeHumanAssets, keypoints: KeypointAnchors) -> RiggedBody:
    """Builds a body.

    Args:
        traits: traits of the person.
        assets: MakeHuman's data.
        keypoints: anchors of the keypoints on the base mesh.
    """
    vertices = _morph_vertices(traits, assets)
    heads, tails = assets.rig.ends(vertices)
    zero = zero_rotations(assets.rig, heads, tails)
    parents = assets.rig.parents
    step = heads - heads[np.maximum(parents, 0)]
    offsets = np.einsum("bij,bj->bi", zero[np.maximum(parents, 0)], step)
    offsets[parents < 0] = heads[parents < 0]
    ids, bones = _keypoint_rows(keypoints, assets.rig)
    return RiggedBody(
        traits=traits,
        rig=assets.rig,
        vertices=vertices,
        heads=heads,
        tails=tails,
        zero=zero,
        offsets=offsets,
        keypoint_ids=ids,
        keypoint_bones=bones,
        keypoint_radius_m=_keypoint_radius(keypoints, vertices, ids),
        stature_m=traits.stature_m,
    )


def _morph_vertices(traits: Traits, assets: MakeHumanAssets) -> FloatArray:
    """Vertices in metres, at the stature of the traits."""
    targets = assets.targets
    weights = morph_weights(traits, targets)
    average = targets.apply(assets.base.positions, weights)
    stature = _stature(average)
    target = stature + _MORPH_FRACTION * (traits.stature_m / float(_METRE) - stature)
    height = 0.7 if target > stature else 0.3
    taller = morph_weights(traits, targets, height)
    step = targets.apply(
        np.zeros_like(average), {name: w for name, w in taller.items() if name not in weights}
    )
    fraction = (target - stature) / (_stature(average + step) - stature)
    vertices = average + np.float32(np.clip(fraction, 0.0, 2.0)) * step
    vertices *= np.float32(traits.stature_m / _stature(vertices))
    vertices[:, 1] -= vertices[:BODY_VERTICES, 1].min()
    return vertices


def _stature(vertices: FloatArray) -> float:
    y = vertices[:BODY_VERTICES, 1]
    return float(y.max() - y.min())


def _keypoint_rows(keypoints: KeypointAnchors, rig: Rig) -> tuple[IntArray, IntArray]:
    width = max(len(ids) for ids in keypoints.vertices)
    rows = np.array([np.resize(ids, width) for ids in keypoints.vertices], np.int32)
    for row, ids in zip(rows, keypoints.vertices, strict=True):
        assert width % len(ids) == 0, "keypoints are means of 1, 2, 4 or 8 vertices"
        row[:] = np.tile(ids, width // len(ids))
    bones = [rig.index[bone] if bone else -1 for bone in keypoints.bones]
    return rows, np.array(bones, np.int32)


def _keypoint_radius(keypoints: KeypointAnchors, vertices: FloatArray, ids: IntArray) -> FloatArray:
    """Fixed small depth for points of the skin, distance to the nearest skin for joints."""
    radius = np.full(len(ids), _SKIN_RADIUS_M)
    skin = vertices[:BODY_VERTICES]
    for i, inside in enumerate(keypoints.inside):
        if inside:
            joint = vertices[ids[i]].mean(axis=0)
            offset = skin - joint
            square = np.einsum("vi,vi->v", offset, offset)
            if i < _FIRST_HAND_KEYPOINT:
                near = np.sqrt(np.partition(square, _NEAR_VERTICES)[_NEAR_VERTICES - 1])
                radius[i] = 1.2 * near + _JOINT_MARGIN_M
            else:
                near = np.sqrt(np.partition(square, _NEAR_VERTICES // 2)[_NEAR_VERTICES // 2 - 1])
                radius[i] = 1.1 * near + _HAND_MARGIN_M
    return radius


def forward_kinematics(body: RiggedBody, joints: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Forward kinematics: poses the bones by joint rotations.

    Args:
        body: the body.
        joints: (..., B, 3, 3) rotation of each bone relative to its parent, in the zero pose's
            axes.

    Returns:
        (..., B, 3, 3) rotation of each bone from the zero pose, and (..., B, 3) heads. The root's
        head is where it is at rest.
    """
    local = np.zeros((*joints.shape[:-2], 4, 4))
    local[..., :3, :3] = joints
    local[..., :3, 3] = body.offsets
    local[..., 3, 3] = 1.0
    parents = body.rig.parents
    for level in body.rig.levels:  # transforms of finished levels replace the local ones
        local[..., level, :, :] = local[..., parents[level], :, :] @ local[..., level, :, :]
    return local[..., :3, :3], local[..., :3, 3]


def bone_matrices(body: RiggedBody, rotations: FloatArray, heads: FloatArray) -> FloatArray:
    """(B, 3, 4) float64 matrices from the rest pose to a pose from `forward_kinematics`."""
    rotation = rotations @ body.zero
    moved = heads - np.einsum("bij,bj->bi", rotation, body.heads)
    return np.concatenate([rotation, moved[:, :, None]], axis=2)


def skin_vertices(body: RiggedBody, matrices: FloatArray, vertices: IntArray) -> FloatArray:
    """Linear blend skinning with four bones per vertex, as in the renderer.

    Args:
        body: the body.
        matrices: (B, 3, 4) bone matrices.
        vertices: (...) vertex ids of the base mesh.

    Returns:
        (..., 3) float64.
    """
    mixed = np.einsum(
        "...k,...kij->...ij", body.rig.bone_weights[vertices], matrices[body.rig.bone_ids[vertices]]
    )
    rest = body.vertices[vertices].astype(np.float64)
    return np.einsum("...ij,...j->...i", mixed[..., :3], rest) + mixed[..., 3]


def body_keypoints(body: RiggedBody, matrices: FloatArray) -> FloatArray:
    """(133, 3) float64 keypoints of a posed body, in the target frame of the bone matrices."""
    points = np.empty((len(body.keypoint_ids), 3))
    on_skin = body.keypoint_bones < 0
    points[on_skin] = skin_vertices(body, matrices, body.keypoint_ids[on_skin]).mean(axis=1)
    rigid = np.flatnonzero(~on_skin)
    rest = body.vertices[body.keypoint_ids[rigid]].mean(axis=1, dtype=np.float64)
    carriers = matrices[body.keypoint_bones[rigid]]
    points[rigid] = np.einsum("bij,bj->bi", carriers[:, :, :3], rest) + carriers[:, :, 3]
    return points
