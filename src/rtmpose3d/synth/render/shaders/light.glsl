// How much of the light reaches a place, and from linear light to the image's numbers.
uniform sampler2DShadow shadow_map;

float lit(vec3 at) {
    vec2 low = shadow_tile.xy, high = shadow_tile.zw;
    bool inside = all(greaterThan(at.xy, low)) && all(lessThan(at.xy, high));
    at.xy = clamp(at.xy, low, high);
    at.z = min(at.z, 0.9999);
#ifdef SOFT_SHADOWS
    vec2 texel = 1.0 / vec2(textureSize(shadow_map, 0));
    float sum = texture(shadow_map, at + vec3(texel * vec2(-0.7, -0.3), 0.0))
        + texture(shadow_map, at + vec3(texel * vec2(0.3, -0.7), 0.0))
        + texture(shadow_map, at + vec3(texel * vec2(0.7, 0.3), 0.0))
        + texture(shadow_map, at + vec3(texel * vec2(-0.3, 0.7), 0.0));
    float seen = sum * 0.25;
#else
    float seen = texture(shadow_map, at);
#endif
    return inside ? seen : 1.0;
}

vec3 ambient(vec3 n) {
    return mix(ground_colour.rgb, sky_colour.rgb, n.z * 0.5 + 0.5);
}

// Gamma 2.0 with a soft shoulder: close to sRGB, and a square root is cheap on a CPU.
vec3 developed(vec3 linear) {
    linear *= light_direction.w;
    return sqrt(linear * 1.25 / (1.0 + 0.25 * linear));
}
