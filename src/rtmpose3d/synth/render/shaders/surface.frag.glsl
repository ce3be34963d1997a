// Skin, hair, and everything else. Alpha carries the number of the thing that is seen.
uniform vec4 tint_roughness;
uniform float owner;
#ifdef TEXTURED
uniform sampler2D colour_map;
#endif
#ifdef ALPHA_CUT
uniform float alpha_cut;
#endif
in vec3 normal;
in vec2 uv;
in vec3 place;
in vec3 shadow_place;
out vec4 pixel;

// cos^(power) of the angle whose cosine is c, as a Gaussian: one exp2 where pow takes two
float lobe(float c, float power) {
    return exp2(1.4427 * power * (c - 1.0));
}

void main() {
    vec3 albedo = tint_roughness.rgb;
#ifdef TEXTURED
    vec4 texel = texture(colour_map, uv);
#ifdef ALPHA_CUT
    if (texel.a < alpha_cut) discard;
#endif
    albedo *= texel.rgb * texel.rgb;
#endif
    vec3 n = normalize(normal);
    vec3 v = normalize(eye.xyz - place);
#ifdef TWO_SIDED
    n = dot(n, v) < 0.0 ? -n : n;
#endif
    vec3 l = light_direction.xyz;
    vec3 h = normalize(v + l);
    float nl = dot(n, l), nv = max(dot(n, v), 0.0), nh = max(dot(n, h), 0.0);
    float seen = lit(shadow_place);
    float rim = (1.0 - nv) * (1.0 - nv);
#if defined(SKIN)
    const vec3 wrap = vec3(0.42, 0.26, 0.20);  // red light travels furthest under the skin
    vec3 diffuse = clamp((nl + wrap) / (1.0 + wrap), 0.0, 1.0);
    diffuse *= mix(vec3(0.16, 0.05, 0.03), vec3(1.0), seen);
    float gloss = 1.0 - tint_roughness.w;
    float shine = (lobe(nh, 18.0) * 0.10 + lobe(nh, 70.0) * 0.22 * gloss) * seen * step(0.0, nl);
    vec3 colour = albedo * (diffuse * light_colour.rgb + ambient(n))
        + light_colour.rgb * shine + sky_colour.rgb * (0.10 * rim * rim);
#elif defined(HAIR)
    vec3 strand = normalize(vec3(0.0, 0.0, -1.0) + n * (n.z + 0.02) + vec3(0.02, 0.0, 0.0));
    float th = dot(strand, h);
    float across = sqrt(max(1.0 - th * th, 0.0));
    float diffuse = max(nl * 0.7 + 0.3, 0.0) * seen;
    float shine = lobe(across, 60.0) * 0.10 + lobe(across, 14.0) * 0.06;
    vec3 colour = albedo * (diffuse * light_colour.rgb + ambient(n))
        + light_colour.rgb * (shine * seen * step(0.0, nl)) * (0.3 + albedo);
#else
    float roughness = tint_roughness.w;
    float smooth4 = roughness * roughness * roughness * roughness;
    float power = 2.0 / (smooth4 + 0.002);
    float gloss = (1.0 - roughness) * (1.0 - roughness);
    float diffuse = max(nl, 0.0) * seen;
    float shine = lobe(nh, power) * gloss * diffuse;
    vec3 colour = albedo * (diffuse * light_colour.rgb + ambient(n))
        + light_colour.rgb * shine + (0.35 * gloss + 0.04) * rim * sky_colour.rgb;
#ifdef CLOTH
    colour += albedo * sky_colour.rgb * (0.25 * rim);
#endif
#endif
    pixel = vec4(developed(colour), owner);
}
