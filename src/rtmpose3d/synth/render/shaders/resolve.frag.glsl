// From the larger image to the one that is read: mean colour in BGR, owner and depth of a sample.
// Where nothing was drawn, samples hold factors on the backdrop.
uniform sampler2D colours;
uniform sampler2D depths;
uniform sampler2D backdrops;
layout(location = 0) out vec4 pixel;
layout(location = 1) out float depth;

vec3 seen(vec4 sample_, vec3 backdrop) {
    return sample_.a > BACKDROP_BELOW && sample_.a < BACKDROP_ABOVE
        ? sample_.rgb * backdrop : sample_.rgb;
}

void main() {
    ivec2 place = ivec2(gl_FragCoord.xy);
    vec3 backdrop = texelFetch(backdrops, place, 0).bgr;
    ivec2 first = place * SUPERSAMPLE;
    vec4 sample_ = texelFetch(colours, first, 0);
    vec3 sum = seen(sample_, backdrop);
#if SUPERSAMPLE == 2
    sum += seen(texelFetch(colours, first + ivec2(1, 0), 0), backdrop);
    sum += seen(texelFetch(colours, first + ivec2(0, 1), 0), backdrop);
    sum += seen(texelFetch(colours, first + ivec2(1, 1), 0), backdrop);
    sum *= 0.25;
#endif
    pixel = vec4(sum.bgr, sample_.a);
    depth = texelFetch(depths, first, 0).r;
}
