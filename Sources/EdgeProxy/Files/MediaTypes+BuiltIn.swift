extension MediaTypes {
  /// The types of files on the web, in the form of `/etc/mime.types`.
  ///
  /// Taken from that file of Debian's package media-types 10.0.0, which takes it from IANA's
  /// registry; types that the file did not have then (source maps, HLS) from their own standards.
  static let builtIn = """
    application/atom+xml atom
    application/dash+xml mpd
    application/epub+zip epub
    application/geo+json geojson
    application/gzip gz
    application/java-archive jar
    application/json json map
    application/ld+json jsonld
    application/manifest+json webmanifest
    application/msword doc
    application/octet-stream bin
    application/pdf pdf
    application/rtf rtf
    application/sql sql
    application/vnd.adobe.flash.movie swf
    application/vnd.android.package-archive apk
    application/vnd.apple.mpegurl m3u8
    application/vnd.debian.binary-package deb
    application/vnd.google-earth.kml+xml kml
    application/vnd.ms-excel xls
    application/vnd.ms-fontobject eot
    application/vnd.ms-powerpoint ppt
    application/vnd.oasis.opendocument.presentation odp
    application/vnd.oasis.opendocument.spreadsheet ods
    application/vnd.oasis.opendocument.text odt
    application/vnd.openxmlformats-officedocument.presentationml.presentation pptx
    application/vnd.openxmlformats-officedocument.spreadsheetml.sheet xlsx
    application/vnd.openxmlformats-officedocument.wordprocessingml.document docx
    application/wasm wasm
    application/x-7z-compressed 7z
    application/x-apple-diskimage dmg
    application/x-iso9660-image iso
    application/x-msdos-program exe
    application/x-msi msi
    application/x-redhat-package-manager rpm
    application/x-rss+xml rss
    application/x-sh sh
    application/x-tar tar
    application/x-xz xz
    application/xhtml+xml xhtml
    application/xml xml
    application/xslt+xml xsl xslt
    application/yaml yaml yml
    application/zip zip
    application/zstd zst
    audio/aac aac
    audio/flac flac
    audio/mp4 m4a
    audio/mpeg mp3
    audio/ogg ogg oga opus
    audio/webm weba
    audio/x-wav wav
    font/collection ttc
    font/otf otf
    font/ttf ttf
    font/woff woff
    font/woff2 woff2
    image/apng apng
    image/avif avif
    image/bmp bmp
    image/gif gif
    image/heic heic
    image/jpeg jpg jpeg jpe
    image/jxl jxl
    image/png png
    image/svg+xml svg
    image/tiff tif tiff
    image/vnd.microsoft.icon ico
    image/webp webp
    text/calendar ics
    text/css css
    text/csv csv
    text/html html htm
    text/javascript js mjs
    text/markdown md
    text/plain txt log text
    text/vcard vcf
    text/vnd.trolltech.linguist ts
    text/vtt vtt
    text/x-chdr h
    text/x-csrc c
    text/x-java java
    text/x-python py
    video/mp4 mp4 m4v
    video/mpeg mpeg mpg
    video/ogg ogv
    video/quicktime mov
    video/webm webm
    video/x-matroska mkv
    video/x-ms-wmv wmv
    video/x-msvideo avi
    """
}
