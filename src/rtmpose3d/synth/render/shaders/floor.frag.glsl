// The ground: its own material, or nothing but shadows to darken the backdrop with.
#ifndef CATCHER
uniform vec4 tint_roughness;
#ifdef TEXTURED
uniform sampler2D colour_map;
#endif
#endif
in vec3 place;
in vec3 shadow_place;
out vec4 pixel;

// What bodies that stand or lie on the ground keep away of the sky's light.
float openness() {
    float open = 1.0;
    for (int i = 0; i < CONTACTS && contacts[i].w > 0.0; ++i) {
        vec2 away = (place.xy - contacts[i].xy) / contacts[i].z;
        float near = 1.0 / (1.0 + dot(away, away));
        open *= 1.0 - contacts[i].w * near * near;
    }
    return open;
}

void main() {
    float seen = lit(shadow_place);
    float open = openness();
    float sun = max(light_direction.z, 0.0);
#ifdef CATCHER
    vec3 full = light_colour.rgb * sun + sky_colour.rgb;
    vec3 left = light_colour.rgb * (sun * seen) + sky_colour.rgb * open;
    pixel = vec4(sqrt(left / full), 1.0);  // multiplies numbers of gamma 2.0; alpha stays
#else
    vec3 albedo = tint_roughness.rgb;
#ifdef TEXTURED
    vec4 texel = texture(colour_map, vec2(place.x, -place.y));
    albedo *= texel.rgb * texel.rgb;
#endif
    pixel = vec4(developed(albedo * (light_colour.rgb * (sun * seen) + sky_colour.rgb * open)),
        0.0);
#endif
}
