// Moves vertices by their bones (four each) or by one matrix, into the image.
#ifdef SKINNED
layout(std140) uniform Bones { vec4 bone_rows[768]; };
in uvec4 in_bones;
in vec4 in_weights;
#else
uniform vec4 world_rows[3];
#endif
in vec3 in_position;
#ifdef SHADOW_PASS
#ifdef ALPHA_CUT
in vec2 in_uv;
out vec2 uv;
#endif
#else
in vec3 in_normal;
in vec2 in_uv;
out vec3 normal;
out vec2 uv;
out vec3 place;
out vec3 shadow_place;
#endif

void main() {
#ifdef SKINNED
    uvec4 b = in_bones * 3u;
    vec4 w = in_weights;
    vec4 x = bone_rows[b.x] * w.x + bone_rows[b.y] * w.y + bone_rows[b.z] * w.z
        + bone_rows[b.w] * w.w;
    vec4 y = bone_rows[b.x + 1u] * w.x + bone_rows[b.y + 1u] * w.y + bone_rows[b.z + 1u] * w.z
        + bone_rows[b.w + 1u] * w.w;
    vec4 z = bone_rows[b.x + 2u] * w.x + bone_rows[b.y + 2u] * w.y + bone_rows[b.z + 2u] * w.z
        + bone_rows[b.w + 2u] * w.w;
#else
    vec4 x = world_rows[0], y = world_rows[1], z = world_rows[2];
#endif
    vec4 rest = vec4(in_position, 1.0);
    vec4 world = vec4(dot(x, rest), dot(y, rest), dot(z, rest), 1.0);
#ifdef SHADOW_PASS
    gl_Position = shadow_from_world * world;
    gl_Position.xyz = gl_Position.xyz * 2.0 - 1.0;
#ifdef ALPHA_CUT
    uv = vec2(in_uv.x, 1.0 - in_uv.y);
#endif
#else
    gl_Position = clip_from_world * world;
    normal = vec3(dot(x.xyz, in_normal), dot(y.xyz, in_normal), dot(z.xyz, in_normal));
    uv = vec2(in_uv.x, 1.0 - in_uv.y);  // v = 0 is the texture's last row
    place = world.xyz;
    // a step off the surface, so that it does not shade itself
    vec3 off = place + normal * light_colour.w;
    shadow_place = (shadow_from_world * vec4(off, 1.0)).xyz;
#endif
}
