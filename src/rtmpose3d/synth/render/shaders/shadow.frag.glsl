// Depth alone; leaves out what the texture cuts away.
#ifdef ALPHA_CUT
uniform sampler2D colour_map;
uniform float alpha_cut;
in vec2 uv;
#endif

void main() {
#ifdef ALPHA_CUT
    if (texture(colour_map, uv).a < alpha_cut) discard;
#endif
}
