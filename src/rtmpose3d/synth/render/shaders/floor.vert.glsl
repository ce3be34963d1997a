// The ground, a rectangle at z = 0.
out vec3 place;
out vec3 shadow_place;

void main() {
    vec2 corner = vec2(gl_VertexID & 1, gl_VertexID >> 1);
    vec4 world = vec4(mix(floor_corners.xy, floor_corners.zw, corner), 0.0, 1.0);
    gl_Position = clip_from_world * world;
    place = world.xyz;
    shadow_place = (shadow_from_world * world).xyz;
}
