"""An RTSP server of moving test pictures, for Debian's Python: `/usr/bin/python3 rtsp_server.py [PORT]`.

Says on one line which paths it serves, each named after its codec; without a port that is all it does.
"""

from __future__ import annotations

import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402

PICTURES = "videotestsrc is-live=true ! video/x-raw,format=I420,width=640,height=360,framerate=10/1"
# Each as it begins with its encoder; a client that comes late waits for the next key frame.
CODECS = {
    "jpeg": "jpegenc ! rtpjpegpay name=pay0 pt=26",
    "h264": "openh264enc gop-size=10 bitrate=2000000 ! h264parse ! rtph264pay name=pay0 pt=96 config-interval=-1",
}


def main(arguments: list[str]) -> None:
    Gst.init(None)
    served = [codec for codec, chain in CODECS.items() if Gst.ElementFactory.find(chain.split()[0])]
    if arguments:
        server = GstRtspServer.RTSPServer(address="127.0.0.1", service=arguments[0])
        for codec in served:
            factory = GstRtspServer.RTSPMediaFactory(launch=f"( {PICTURES} ! {CODECS[codec]} )", shared=True)
            server.get_mount_points().add_factory(f"/{codec}", factory)
        if server.attach(None) == 0:
            sys.exit(f"port {arguments[0]} can not be listened on")
    print(*served, flush=True)
    if arguments:
        GLib.MainLoop().run()


if __name__ == "__main__":
    main(sys.argv[1:])
